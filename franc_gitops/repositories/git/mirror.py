"""A store of our own beside a clone, which holds what the remote's branch has beyond it.

Fetched is with the clone's own settings and credentials, into the store's objects: the clone
itself stays as it is, no reference of it moves. Git reads both as one, where `variables` are
set in its environment, and writes into the store with `writing`. The store is no repository: it
has neither settings nor hooks, and what else lies there is not ours. It can be deleted at any
time, and is made anew.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.clock import Deadline
from franc_gitops.errors import BranchMoved, FrancError, RepositoryError
from franc_gitops.repositories.git.command import NO_HOOKS, Git, GitTooSlow, seeing
from franc_gitops.repositories.git.refusals import explain_reading
from franc_gitops.repositories.git.remote import HEADS, Remote
from franc_gitops.repositories.git.targets import find_branch
from franc_gitops.state_folder import make_state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from franc_gitops.clock import Clock

ASK_SECONDS = 20.0
FETCH_SECONDS = 600.0
_TIDY_EVERY = 50
_TIPS = "tips"
_OURS = {"objects", _TIPS, f"{_TIPS}.new"}
_TIP = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (\S+)").fullmatch


class Mirror:
    """What a branch of a clone's remote holds; used by one thread, but for `tip` and `stop`."""

    def __init__(
        self,
        root: Path,
        store: Path,
        remote: str,
        branch: str,
        clock: Clock,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the clone, the store's folder, and which branch of which remote it is about.

        Without a branch it is the one that the checked-out branch follows. `check` raises
        FrancError where nothing may be kept in that place. Nothing is run yet.
        """
        self.tip = ""
        """The newest commit of the branch that is known, also from earlier; empty for none."""
        self._store = store
        self._clock = clock
        self._check_place = check
        self._is_chosen = bool(branch)
        self._branch = branch
        self._detached_at = ""
        self._is_at_hand = False
        self._is_stopped = False
        self._fetches = 0
        self._clone = Git(root, apart=True)
        self._remote = Remote(self._clone, remote, explain_reading)
        self._writer = self._tidying = self._clone  # until the store is open

    @property
    def objects(self) -> Path:
        """The folder of what was fetched; it may not be there yet."""
        return self._store / "objects"

    @property
    def variables(self) -> Mapping[str, str]:
        """What lets git read the store as if it was part of the clone."""
        return seeing(self.objects)

    @property
    def writing(self) -> Mapping[str, str]:
        """What lets git see the same and write into the store, so that the clone stays as it is."""
        return {"GIT_OBJECT_DIRECTORY": str(self.objects), **seeing(self._describe_clone()[0])}

    @property
    def name(self) -> str:
        """What people call the branch."""
        return f"{self._remote.name}/{self._branch}" if self._branch else self._remote.name

    def poll(self) -> None:
        """Ask where the branch stands and bring what is new to hand; raises RepositoryError."""
        try:
            self._poll()
        except (BranchMoved, FrancError, OSError) as error:
            what = getattr(error, "message", "") or str(error)
            hint = getattr(error, "hint", "")
            raise RepositoryError(f"{self.name} cannot be followed: {what}", hint=hint) from error

    def check(self) -> None:
        """Throw the store away if something in it cannot be read; the next `poll` fetches it."""
        if not self._is_whole():
            self._throw_away()

    def stop(self) -> None:
        """End what is under way, from another thread; nothing can be asked any more."""
        self._is_stopped = True
        for git in (self._clone, self._writer, self._tidying):
            git.give_up()

    # --- one poll -----------------------------------------------------------------------------

    def _poll(self) -> None:
        self._check_place()
        if not self._is_ours() or self._writer is self._clone:
            self.open()
        deadline = Deadline(self._clock, ASK_SECONDS)
        self._choose(deadline)
        tip = self._remote.ask([self._branch], deadline.left).tips.get(self._branch, "")
        if not tip:
            self._miss()
        elif tip != self.tip or not self._is_at_hand:
            self._bring(tip)
            self.tip, self._is_at_hand = tip, True

    def _choose(self, deadline: Deadline) -> None:
        """Find the branch anew, as another may be checked out now, and what was known of it."""
        before = self._branch
        if not self._is_chosen:
            commit = self._detached_commit()
            if not commit or commit != self._detached_at:
                self._branch = find_branch(self._clone, self._remote, deadline)
            self._detached_at = commit
        if self._branch != before or not self.tip:
            self.tip, self._is_at_hand = self._recall(), False

    def _detached_commit(self) -> str:
        """Give the commit that is checked out without a branch; only then the remote is asked."""
        if self._clone.attempt("symbolic-ref", "--quiet", "HEAD").code == 0:
            return ""
        return self._clone.attempt("rev-parse", "HEAD").output.decode().strip()

    def _recall(self) -> str:
        """Give the commit of the branch that was fetched last, maybe by an earlier process."""
        commit = read_tips(self._store).get(self.name, "")
        return commit if commit and self._has(commit) else ""

    def _miss(self) -> None:
        """Judge that there is no such branch: fine as long as nobody has ever seen it."""
        tracked = f"refs/remotes/{self._remote.name}/{self._branch}"
        was_there = self._clone.attempt("rev-parse", "--verify", "--quiet", tracked).code == 0
        if self._is_chosen or self.tip or was_there:
            raise RepositoryError(
                f"the remote has no branch {self._branch}",
                hint="set branch (FRANC_BRANCH), or what the checked-out branch follows: git "
                "branch --set-upstream-to",
            )

    def _bring(self, tip: str) -> None:
        """Have a commit at hand, and everything before it."""
        if not self._has(tip):
            self._fetch_or_begin_again()
            if not self._has(tip):
                raise BranchMoved("it moved on while it was fetched")
        self._note_tip(tip)

    def _fetch_or_begin_again(self) -> None:
        try:
            self._fetch()
        except FrancError:
            if self._is_whole():
                raise
            self._throw_away()
            self.open()
            self._fetch()

    def _fetch(self) -> None:
        """Fetch the branch; no reference is written. Said is what the last fetch has brought."""
        known = [f"--negotiation-tip={self.tip}"] if self.tip and self._has(self.tip) else []
        remote = self._remote.name
        try:
            outcome = self._writer.attempt(
                *NO_HOOKS, "-c", f"remote.{remote}.followRemoteHEAD=never",
                "fetch", "--quiet", "--no-tags", "--no-prune", "--refmap=",
                "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance",
                *known, "--", remote, HEADS + self._branch,
                seconds=FETCH_SECONDS,
            )  # fmt: skip
        except GitTooSlow as error:
            raise explain_reading(remote, str(error)) from error
        if outcome.code:
            raise explain_reading(remote, outcome.messages)
        self._fetches += 1
        if self._fetches % _TIDY_EVERY == 0:
            self._tidy()

    def _has(self, commit: str) -> bool:
        asked = ("cat-file", "-e", f"{commit}^{{tree}}")
        return self._writer.attempt(*asked, seconds=FETCH_SECONDS).code == 0  # maybe of its remote

    # --- the store ----------------------------------------------------------------------------

    def open(self) -> None:
        """Make the store if need be, and let git write into it and see the clone's objects."""
        writing = self.writing  # raises where the clone is gone: nothing is made in its place then
        if not self._is_ours():
            self._throw_away()
        make_state_folder(self._store.parent)
        for folder in ("info", "pack"):
            (self.objects / folder).mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            (self.objects / "info/alternates").unlink()
        self._writer = Git(self._clone.root, writing, apart=True)
        if self._is_stopped:
            self.stop()

    def _is_ours(self) -> bool:
        """Tell whether the store is there, with nothing in it that we do not make."""
        try:
            found = {entry.name for entry in self._store.iterdir()}
        except OSError:
            return False
        return "objects" in found and found <= _OURS and not self._store.is_symlink()

    def _describe_clone(self) -> tuple[Path, Path, str]:
        """Give where its objects are and where its history is cut off, and how it names objects."""
        told = self._clone.run(
            "rev-parse", "--path-format=absolute", "--git-path", "objects",
            "--git-path", "shallow", "--show-object-format",
        )  # fmt: skip
        objects, shallow, kind = told.decode(errors="surrogateescape").strip("\n").split("\n")
        return Path(objects), Path(shallow), kind

    def _note_tip(self, tip: str) -> None:
        tips = {**read_tips(self._store), self.name: tip}
        lines = "".join(f"{commit} {name}\n" for name, commit in tips.items())
        new = self._store / f"{_TIPS}.new"
        new.write_text(lines, errors="surrogateescape")
        new.replace(self._store / _TIPS)

    def _tidy(self) -> None:
        """Let git pack what was fetched; for that it wants a repository, which is there meanwhile.

        It is nowhere below the clone, so that nobody else says what its settings and hooks are.
        """
        _, shallow, kind = self._describe_clone()
        cut = {"GIT_SHALLOW_FILE": str(shallow)} if shallow.is_file() else {}
        with suppress(BlockingIOError), _alone(self.objects), tempfile.TemporaryDirectory() as own:
            git = self._tidying = Git(
                Path(own), {**self.writing, "GIT_DIR": own, **cut}, apart=True
            )
            if self._is_stopped:
                self.stop()
            git.run(*NO_HOOKS, "init", "-q", "--bare", "--template=", f"--object-format={kind}")
            for at, commit in enumerate(filter(self._has, set(read_tips(self._store).values()))):
                git.run(*NO_HOOKS, "update-ref", f"refs/heads/{at}", commit)
            tidy = ("-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")
            git.attempt(*NO_HOOKS, *tidy, seconds=FETCH_SECONDS)

    def _is_whole(self) -> bool:
        """Tell whether everything is there that the clone's own references do not lead to.

        A git that was killed tells nothing, and is no reason to throw anything away.
        """
        if not self.tip:
            return self._is_ours()
        walk = ("rev-list", "--objects", "--exclude-promisor-objects", "--quiet", self.tip)
        return self._writer.attempt(*walk, "--not", "--all").code <= 0

    def _throw_away(self) -> None:
        self._is_at_hand = False
        with suppress(OSError):
            if self._store.is_symlink() or self._store.is_file():
                self._store.unlink()
            else:
                shutil.rmtree(self._store)


def read_tips(store: Path) -> dict[str, str]:
    """Give the commit of each branch that was fetched into a store, by the branch's name."""
    try:
        lines = (store / _TIPS).read_text(errors="surrogateescape").splitlines()
    except OSError:
        return {}
    return {found[2]: found[1] for line in lines if (found := _TIP(line))}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others from tidying a folder; raises BlockingIOError where somebody does already."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a file system without locks: git copes with two at once
            pass
        yield
    finally:
        os.close(handle)
