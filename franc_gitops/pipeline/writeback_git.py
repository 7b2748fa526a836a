"""Wanted status files → a commit on a branch (modes `commit` and `push`).

In: a projection and the pins. Out: a `Written` that names the commit, or WriteBackFailed. The
commit is made on top of the branch's tip, of nothing but status files; no work tree is needed.

Nothing is ever rolled back, because of an order: look where the branch stands, *then* read the
ledger, then let the branch move on from there only if it still stands there. What the tip
holds was projected from a ledger that was read before; ours was read later, and a ledger only
grows. So if the tip is not what this pass began with, the projection is made anew: of the
tip's own requests, with all of the ledger that is committed by then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from franc_gitops import pins as pins_file
from franc_gitops.clock import Deadline
from franc_gitops.errors import BranchMoved, BranchRefused, FrancError, WriteBackFailed
from franc_gitops.model import Written
from franc_gitops.pipeline.commit_message import commit_message
from franc_gitops.repositories.commits import NewCommit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tenacity import RetryCallState

    from franc_gitops.clock import Clock
    from franc_gitops.model import Pin
    from franc_gitops.pipeline.ports import Projection
    from franc_gitops.pipeline.status_changes import Changes, CommittedFolder
    from franc_gitops.pipeline.writeback import FilesWriteBack
    from franc_gitops.repositories.commits import Branch, Commits, Draft

T = TypeVar("T")

_SHORTEST, _LONGEST = 0.1, 8.0
"""Seconds between two tries: at most the first after one, doubled each time up to the second."""


@dataclass(frozen=True, slots=True)
class CommitStyle:
    """What status commits look like: `Name <address>`, and the first line of the message."""

    author: str
    message: str


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be committed; `gone` is given where it is about a few request files only."""

    wanted: Projection
    pins: Sequence[Pin] = ()
    gone: Sequence[str] | None = None


@dataclass
class GitWriteBack:
    """Keeps the status folder of a branch.

    `files` also keeps that of the work tree (mode `commit`). `fallback` takes the commit where
    the branch refuses it. All tries together take `patience` seconds at most.
    """

    commits: Commits
    folder: CommittedFolder
    branch: Branch
    style: CommitStyle
    clock: Clock
    patience: float
    files: FilesWriteBack | None = None
    fallback: Branch | None = None
    requests_dir: str = "requests"
    _deadline: Deadline = field(init=False)
    _conflicts: int = 0

    def prepare(self, files: int) -> None:
        """Get ready to write so many status files into the work tree, if that is to be done."""
        if self.files:
            self.files.prepare(files)

    def close(self) -> None:
        """End what was prepared."""
        if self.files:
            self.files.close()

    def last_note(self) -> str:
        """Give none: only the branch itself can tell how it stands."""
        return ""

    def find_unmoved(self, pins: Sequence[Pin]) -> Written | None:
        """Never know without having looked."""
        del pins
        return None

    def __call__(
        self,
        wanted: Projection,
        keep: Callable[[str], bool],
        pins: Sequence[Pin],
        note: str = "",
    ) -> Written:
        """Commit what has changed; nothing to commit is no commit."""
        del keep, note  # the projection has its own
        return self._commit(_Task(wanted, pins))

    def try_out(self) -> str:
        """See whether the branch is there and may be added to, and give its name; adds nothing.

        A rule of the host that refuses it only shows when something is added.
        """
        self._deadline = Deadline(self.clock, self.patience)
        self._tip()
        self.branch.try_out(self._deadline)
        return self.branch.name

    def part(self, wanted: Projection, gone: Sequence[str]) -> Written:
        """Commit what has changed of a few status files."""
        return self._commit(_Task(wanted, gone=gone))

    def _commit(self, task: _Task) -> Written:
        self._deadline, self._conflicts = Deadline(self.clock, self.patience), 0
        try:
            return self._add_or_divert(task)
        except WriteBackFailed:
            raise
        except FrancError as error:  # the events are out: whatever it is, it is this that failed
            raise WriteBackFailed(
                f"the status files are not committed: {error.message}",
                hint=error.hint or "nothing is lost: the next publish writes them",
                code="FRN606",
            ) from error

    def _add_or_divert(self, task: _Task) -> Written:
        try:
            return self._again_if_moved(partial(self._add, task))
        except BranchRefused as refusal:
            return self._divert(task, str(refusal))

    def _again_if_moved(self, attempt: Callable[[], T]) -> T:
        """Try until nobody else moves the branch meanwhile, with jitter between two tries."""
        from tenacity import Retrying, retry_if_exception_type

        retrying = Retrying(
            retry=retry_if_exception_type(BranchMoved),
            stop=lambda _: not self._deadline.left,
            wait=self._pause,
            sleep=self.clock.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except BranchMoved as error:
            raise WriteBackFailed(
                f"{self.branch.name} was never still for {self.patience:.0f} s: {error}",
                hint="the next publish tries again; or raise push_timeout",
                code="FRN605",
            ) from error

    def _pause(self, state: RetryCallState) -> float:
        """Count a conflict, and give the seconds to wait after it."""
        self._conflicts += 1
        longest = min(_LONGEST, _SHORTEST * 2**state.attempt_number, self._deadline.left)
        return self.clock.uniform(longest / 4, longest)

    # --- one try ------------------------------------------------------------------------------

    def _add(self, task: _Task) -> Written:
        """Add to the branch what it lacks."""
        tip = self._tip()
        with self.commits.draft() as draft:
            task, changes = self._compare(task, tip, draft)
            self._write_files(task)
            if not changes.blobs:
                return self._done(changes)
            new = self._new_commit(tip, [tip], changes, task.wanted)
            commit = draft.commit(new)
        self.branch.add(new, commit, tip, self._deadline)
        self.folder.remember(commit, changes)
        return self._done(changes, commit, self.branch)

    def _tip(self) -> str:
        tip = self.branch.tip(self._deadline)
        if not tip:
            raise WriteBackFailed(
                f"the status files are not committed: there is no branch {self.branch.name}",
                hint="push the branch, or set branch (FRANC_BRANCH) to one that is there",
                code="FRN604",
            )
        return tip

    def _compare(self, task: _Task, tip: str, draft: Draft) -> tuple[_Task, Changes]:
        """Find what the tip lacks, of a projection that is not older than the tip."""
        wanted = task.wanted
        pins = self._join_pins(wanted.commit, tip, task.pins)
        if self._is_known(wanted.commit, tip):
            task = replace(task, pins=pins)
            changes = self.folder.compare(tip, wanted, pins, draft, task.gone)
            if wanted.is_exact or not changes.blobs:
                return task, changes
        task = _Task(wanted.at(tip), pins)
        changes = self.folder.compare(tip, task.wanted, pins, draft)
        changes.absent = len({*wanted.paths} - {*task.wanted.paths})
        return task, changes

    def _write_files(self, task: _Task) -> None:
        """Write the same into the work tree, if that is to be done."""
        if self.files and task.gone is not None:
            self.files.some(task.wanted, task.gone)
        elif self.files:
            self.files(task.wanted, task.wanted.keep, task.pins)

    def _is_known(self, commit: str, tip: str) -> bool:
        """Tell whether the tip holds nothing that the pass did not see before it began."""
        if not commit or commit == tip:
            return commit == tip
        folders = (self.requests_dir, self.folder.name)
        found = self.commits.find([(at, folder) for at in (commit, tip) for folder in folders])
        return found[:2] == found[2:]

    def _join_pins(self, commit: str, tip: str, pins: Sequence[Pin]) -> Sequence[Pin]:
        """Add our change of the pins to what the tip has; refuse to publish to two by accident."""
        if not pins or commit == tip:
            return pins
        before, theirs = (self.folder.pins(at) if at else () for at in (commit, tip))
        if theirs and not before and not {*pins} <= {*theirs}:
            raise WriteBackFailed(
                f"{self.branch.name} pins another ledger than the one that was published to",
                hint="compare KAFKA_BOOTSTRAP_SERVERS with status/.ledger.yaml of that branch; if "
                "both are meant: pull, then publish --accept-ledger",
                code="FRN506",
            )
        return pins_file.merge(before, pins, theirs)

    def _new_commit(
        self, based_on: str, parents: Sequence[str], changes: Changes, projection: Projection
    ) -> NewCommit:
        message = commit_message(
            self.style.message,
            written=changes.written,
            removed=changes.removed,
            commit=projection.commit,
            log=projection.log_name,
            changes=changes.numbers,
        )
        return NewCommit(
            based_on, parents, changes.blobs, message, self.style.author, self.clock.now()
        )

    def _done(self, changes: Changes, commit: str = "", branch: Branch | None = None) -> Written:
        written = Written(
            changes.written,
            changes.unchanged,
            changes.removed,
            commit,
            branch.name if branch else "",
            changes.absent,
            self._conflicts,
        )
        changes.raise_failures(written)
        return written

    # --- the branch refuses -------------------------------------------------------------------

    def _divert(self, task: _Task, refusal: str) -> Written:
        """Leave the commit where it is allowed to be, and say that it is not where it belongs."""
        if self.fallback is None:
            raise self._refused(refusal, "", None)
        try:
            written = self._again_if_moved(partial(self._add_to_fallback, self.fallback, task))
        except BranchRefused as again:
            raise self._refused(refusal, f"; {self.fallback.name} too: {again}", None) from again
        if not written.commit:
            return written
        raise self._refused(refusal, f"; they are on {self.fallback.name} instead", written)

    def _refused(self, refusal: str, outcome: str, written: Written | None) -> WriteBackFailed:
        return WriteBackFailed(
            f"{self.branch.name} refused the status files{outcome}. Its reason: {refusal}",
            hint="let this job push there, or merge that branch by a pull request",
            code="FRN602",
            written=written,
        )

    def _add_to_fallback(self, fallback: Branch, task: _Task) -> Written:
        """Bring the fallback to the branch's tip and the status files that belong there.

        It goes on from both, so it is never forced and never in the way, however old it is.
        """
        tip, old = self._tip(), fallback.tip(self._deadline)
        if old or task.gone is not None:
            task = _Task(task.wanted.at(tip), self._join_pins(task.wanted.commit, tip, task.pins))
        with self.commits.draft() as draft:
            task, changes = self._compare(task, tip, draft)
            if not changes.blobs:
                return self._done(changes)
            new = self._new_commit(tip, self._join_histories(old, tip), changes, task.wanted)
            commit = draft.commit(new)
        if old and len(set(self.commits.find([(old, ""), (commit, "")]))) == 1:
            return self._done(changes, old, fallback)
        fallback.add(new, commit, old, self._deadline)
        return self._done(changes, commit, fallback)

    def _join_histories(self, old: str, tip: str) -> list[str]:
        """Give the parents: both, unless one is known to have the other in its history."""
        if not old or self.commits.contains(tip, old):
            return [tip]
        return [old] if self.commits.contains(old, tip) else [old, tip]
