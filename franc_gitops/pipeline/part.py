"""Changed files → the part of the repository that a small turn must look at.

In: the paths of files that may have changed, and what the last turns found (`known.py`). Out:
a `Part`: these files and all that belong together with them, read and validated, and the
requests of the ledger that are about them; or None where only a run over all files can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, runtime_checkable

from franc_gitops.model import Snapshot, SourceFile, Validated
from franc_gitops.pipeline.known import keys_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from franc_gitops.ledger import Ledger
    from franc_gitops.pipeline.known import Known
    from franc_gitops.pipeline.ports import Validator

MOST_FILES = 1_000
"""More files than this are not a part: a run over all of them is as quick."""


class PartOutdated(Exception):
    """The ledger says more than the part was made with."""


@runtime_checkable
class PartialRepository(Protocol):
    """A repository that can list a few files without looking at all of them."""

    def part(self, commit: str, paths: Collection[str], /) -> Snapshot | None:
        """Give those of the request files that are there; None where it takes a look at all.

        `commit` is empty for a plain folder.
        """
        ...

    def close(self) -> None:
        """Let go of what is kept for the next question; the repository can still be used."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Some files, what is in them, and the requests of the ledger that are about them.

    `paths` are all that were looked at, those that are gone included. `busy` are the files that
    must wait, because they, or what belongs together with them, are being written.
    """

    snapshot: Snapshot
    validated: Validated
    requests: Collection[str]
    paths: Collection[str]
    busy: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing turned out to have changed."""
        return not self.paths

    def may_send(self, ledger: Ledger) -> bool:
        """Tell whether there is anything in it that the ledger does not know."""
        return any(
            (entry := ledger.get(request.request_id)) is None
            or (entry.revision, entry.cancel) != (request.revision, request.cancel)
            for request in self.validated.requests
        )

    def refuse(self, _ledger: Ledger) -> NoReturn:
        """Plan no further, because the ledger has moved on."""
        raise PartOutdated


class Search:
    """Finds the part that some changed files belong to."""

    def __init__(
        self, repository: PartialRepository, validator: Validator, known: Known, commit: str
    ) -> None:
        """Take where to look."""
        self._repository = repository
        self._validator = validator
        self._known = known
        self._commit = commit
        self._files: dict[str, str] = {}
        self._seen: set[str] = set()
        self._keys: set[str] = set()
        self._found: list[Validated] = []

    def find(self, paths: Iterable[str]) -> Part | None:
        """Give the part; an empty one if the files are all as they were published."""
        waiting = set(paths)
        if not self._known.odd.isdisjoint(waiting):
            return None
        first = self._list(waiting)
        if first is None:
            return None
        busy = first.busy
        waiting -= busy
        waiting = {path for path in waiting if not self._is_as_it_was(path, first.files.get(path))}
        part: Snapshot | None = first
        while waiting and part is not None:
            if any(not self._is_settled(path, part) for path in part.busy & waiting):
                return Part(Snapshot(self._commit, {}), Validated(), (), (), busy | self._seen)
            self._seen.update(waiting)
            waiting = self._take({p: b for p, b in part.files.items() if p in waiting}, waiting)
            part = self._list(waiting) if waiting else part
        return None if part is None else self._part(busy)

    def _list(self, paths: Collection[str]) -> Snapshot | None:
        """List some files, if they are few and nothing is odd about them."""
        if len(self._seen) + len(paths) > MOST_FILES:
            return None
        part = self._repository.part(self._commit, paths)
        return None if part is None or part.problems or part.has_links else part

    def _is_settled(self, path: str, part: Snapshot) -> bool:
        return self._known.is_settled_as(path, part.files.get(path, ""))

    def _is_as_it_was(self, path: str, blob: str | None) -> bool:
        if blob is None:
            return not self._known.is_there(path)
        return self._known.is_settled_as(path, blob)

    def _take(self, files: dict[str, str], paths: Collection[str]) -> set[str]:
        """Take files, and give those that belong together with them and were not seen yet."""
        self._files.update(files)
        new = {key for path in paths for key in self._known.keys(path)}
        new.update(self._read(files))
        new -= self._keys
        self._keys |= new
        return {path for key in new for path in self._known.files_with(key)} - self._seen

    def _read(self, files: dict[str, str]) -> set[str]:
        """Read files that are not settled, and give their keys."""
        unread = [
            SourceFile(path, blob)
            for path, blob in files.items()
            if not self._known.is_settled_as(path, blob)
        ]
        if not unread:
            return set()
        validated = self._validator(unread)
        self._found.append(validated)
        keys = {key for found in keys_of(validated.requests).values() for key in found}
        # What is published is known by its content, even if it would not be valid any more.
        bad = {problem.path for problem in validated.problems if problem.is_error}
        for path in bad.intersection(files):
            keys.update(self._known.ledger.published_from(files[path]))
        return keys

    def _part(self, busy: frozenset[str]) -> Part:
        found = self._found
        requests = sorted(
            (request for each in found for request in each.requests),
            key=lambda request: (request.path, request.document),
        )
        problems = sorted(
            (problem for each in found for problem in each.problems),
            key=lambda problem: problem.sort_key,
        )
        validated = Validated(
            tuple(requests),
            tuple(problems),
            sum(each.files for each in found),
            sum(each.documents for each in found),
        )
        snapshot = Snapshot(self._commit, dict(sorted(self._files.items())))
        return Part(snapshot, validated, frozenset(self._keys), frozenset(self._seen), busy)
