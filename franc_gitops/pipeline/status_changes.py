"""What the status folder of a commit lacks: projection + tree → changed blobs.

Nothing is read but the tree, and of the commit's files only strays; nothing is rendered that
the cache of blobs knows. So one changed request in a hundred thousand costs one status file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from franc_gitops import pins as pins_file
from franc_gitops.errors import WriteBackFailed
from franc_gitops.pipeline.commit_message import change_numbers
from franc_gitops.pipeline.project import Present
from franc_gitops.repositories.commits import Content
from franc_gitops.repositories.names import is_status_name
from franc_gitops.status_blobs import StatusBlobs
from franc_gitops.status_files import is_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from franc_gitops.model import Pin, Written
    from franc_gitops.pipeline.ports import Projection
    from franc_gitops.pipeline.project import StatusFile
    from franc_gitops.repositories.commits import Commits, Draft

_BEGINNING_BYTES = 16_384
_SHOWN_FAILURES = 10


@dataclass
class Changes:
    """The changes of a status folder: path from the root → blob id, None for a file that goes."""

    folder: str
    pins: Sequence[Pin] = ()
    blobs: dict[str, str | None] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    written: int = 0
    unchanged: int = 0
    removed: int = 0
    absent: int = 0

    def raise_failures(self, written: Written) -> None:
        """Raise WriteBackFailed naming the files that have no place in the folder."""
        if self.failures:
            named = "; ".join(self.failures[:_SHOWN_FAILURES])
            more = len(self.failures) - _SHOWN_FAILURES
            raise WriteBackFailed(
                f"{len(self.failures)} status files below {self.folder} have no place: {named}"
                + (f"; {more} more" if more > 0 else ""),
                hint="remove what is in the way",
                written=written,
            )


class CommittedFolder:
    """The status folder in commits; what it held last is remembered from one turn to the next."""

    def __init__(self, commits: Commits, name: str, requests_dir: str, state: Path) -> None:
        """Take the two folders, relative to the root, and that of the cache."""
        self.name = name
        self._commits = commits
        self._below = f"{requests_dir}/"
        self._state = state
        self._cache: StatusBlobs | None = None
        self._tree = ""
        self._content = Content({}, {})

    def compare(
        self,
        commit: str,
        projection: Projection,
        pins: Sequence[Pin],
        draft: Draft,
        gone: Sequence[str] | None = None,
    ) -> Changes:
        """Find what a commit lacks, and store it in the draft.

        Only status files of the request files in `gone` are removed, if it is given: the
        projection then is of a few request files only.
        """
        cache = self._cache = self._cache or StatusBlobs(self._state)
        content = self._look(commit)
        comparison = _Comparison(self.name, content, self._commits, cache, draft)
        keep = projection.keep
        paths = content.files if gone is None else [path.removeprefix(self._below) for path in gone]
        strays = [path for path in paths if not keep(self._below + path)]
        comparison.remove(strays, self._below)
        present = Present(content.files, self._below)
        for status in projection.beyond(present):
            comparison.write(status.path.removeprefix(self._below), status)
        comparison.changes.unchanged += present.right
        comparison.write_pins(pins)
        cache.save(self._content.files)
        return comparison.changes

    def pins(self, commit: str) -> tuple[Pin, ...]:
        """Give the pins of a commit; raises SettingsError for a file that is not ours."""
        place = f"{self.name}/{pins_file.FILE_NAME}"
        [blob] = self._commits.find([(commit, place)])
        if not blob:
            return ()
        [content] = self._commits.read([blob], _BEGINNING_BYTES)
        return pins_file.decode(content or b"", place)

    def remember(self, commit: str, changes: Changes) -> None:
        """Take over what was added to the commit that was looked at last."""
        for path, blob in changes.blobs.items():
            name = path.removeprefix(f"{self.name}/")
            if blob:
                self._content.files[name] = blob
            else:
                del self._content.files[name]
        [self._tree] = self._commits.find([(commit, self.name)])

    def _look(self, commit: str) -> Content:
        [tree] = self._commits.find([(commit, self.name)])
        if tree != self._tree:
            self._content = self._commits.content(commit, self.name)
            self._tree = tree
        if "" in self._content.others:
            raise WriteBackFailed(
                f"{self.name} is a link, a file or a submodule in the repository, not a folder",
                hint="remove it, or set status_dir to another folder",
            )
        return self._content


class _Comparison:
    """One look at one commit."""

    def __init__(
        self, folder: str, content: Content, commits: Commits, cache: StatusBlobs, draft: Draft
    ) -> None:
        self.changes = Changes(folder)
        self._content = content
        self._places = _Places(content)
        self._commits = commits
        self._cache = cache
        self._draft = draft

    def remove(self, strays: Iterable[str], below: str) -> None:
        """Remove status files without a request file; leave what is not ours alone."""
        strays = [path for path in strays if self._may_be_ours(path)]
        blobs = [self._content.files[path] for path in strays]
        texts = self._commits.read(blobs, _BEGINNING_BYTES) if strays else ()
        for path, text in zip(strays, texts, strict=True):
            if text is not None and is_of(text, below + path):
                self._change(path, None, text)
                self.changes.removed += 1

    def _may_be_ours(self, path: str) -> bool:
        return path in self._content.files and is_status_name(path)

    def write(self, path: str, status: StatusFile) -> None:
        """Add a status file, unless the commit is known or found to have it."""
        have = self._content.files.get(path, "")
        if have and (have == status.blob or self._cache.holds(path, status.tag, have)):
            self.changes.unchanged += 1
            return
        text = status.render()
        blob = self._commits.blob_id(text)
        if not status.blob:
            self._cache.put(path, status.tag, blob)
        if blob == have:
            self.changes.unchanged += 1
        elif reason := self._places.why_not(path):
            self.changes.failures.append(f"{path}: {reason}")
        else:
            self._change(path, blob, text)
            self.changes.written += 1

    def write_pins(self, pins: Sequence[Pin]) -> None:
        """Add the pins file, if there are pins and it does not say this already."""
        self.changes.pins = pins
        text = pins_file.encode(pins)
        blob = self._commits.blob_id(text)
        if pins and self._content.files.get(pins_file.FILE_NAME) != blob:
            self._change(pins_file.FILE_NAME, blob, text)

    def _change(self, path: str, blob: str | None, text: bytes) -> None:
        if blob:
            self._draft.add(text)
        self.changes.blobs[f"{self.changes.folder}/{path}"] = blob
        self.changes.numbers |= change_numbers(text)


class _Places:
    """Where a file may be put: not below a file or link, and not where a folder is."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._folders: set[str] | None = None

    def why_not(self, path: str) -> str:
        """Give what is in the way of a file; empty if nothing is."""
        if path in self._content.files:
            return ""
        for folder in _parents(path):
            if folder in self._content.files or folder in self._content.others:
                return f"{folder} is not a folder"
        if self._content.others.get(path) == "160000":
            return "it is a submodule"
        if self._folders is None:
            self._folders = {parent for each in self._all() for parent in _parents(each)}
        return "it is a folder" if path in self._folders else ""

    def _all(self) -> Iterator[str]:
        yield from self._content.files
        yield from self._content.others


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
