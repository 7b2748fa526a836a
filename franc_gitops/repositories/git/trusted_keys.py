"""Which keys are trusted where a commit is published: one file, followed through history.

The file is either taken from a revision that is named with it, which must be out of a pull
request's reach; or from the history that is published itself. Then its first version is trusted
as it is, and each later change counts only if the commit that made it was signed with a key of
the version before. Parents have an order that whoever makes a merge chooses: a merge must
neither pass for the beginning of the file nor leave out a change that was signed for.
"""

from __future__ import annotations

from collections import Counter
from posixpath import normpath
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.git.ancestry import descends, shallow_commits
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.names import SIZE_LIMIT, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from franc_gitops.repositories.git.command import Git


class Keys(NamedTuple):
    """The trusted keys: a commit must be signed with one that is in each of the `files`.

    `ignored` is the last commit that changed the file without a trusted signature.
    """

    files: tuple[bytes, ...]
    ignored: str = ""


class Change(NamedTuple):
    """One change of the keys file: the commit of the main line, and the new blob, if any."""

    commit: str
    blob: str


class TrustedKeys:
    """The file of trusted keys, at `PATH` from the folder of a git, or at `REV:PATH`."""

    def __init__(self, git: Git, place: str, is_trusted: Callable[[str, bytes], bool]) -> None:
        """Take a git, where the keys are, and who tells whether keys trust a commit's signer."""
        self._git = git
        self._revision, _, self.path = place.rpartition(":")
        self._is_trusted = is_trusted

    def find(self, published: str) -> Keys:
        """Give the keys that are trusted where a commit is published; raises RepositoryError."""
        blob = self._find(self._revision or published)
        if self._revision:
            return Keys(tuple(self._read([blob])))
        return self._follow(published, blob)

    def look(self, published: str) -> None:
        """Raise RepositoryError if there is no such file where a commit is published."""
        self._find(self._revision or published)

    def _find(self, revision: str) -> str:
        """Give the blob that is the file at a revision."""
        try:
            commit = self._git.run("rev-parse", "--verify", f"{revision}^{{commit}}").decode()
        except RepositoryError as error:
            raise _missing(f"{shown(revision)} is not a commit here", self.path) from error
        entry = self._git.run("ls-tree", commit.strip(), "--", self.path).decode()
        mode, _, rest = entry.partition(" ")
        if not mode.startswith("100"):
            raise _missing(f"there is no such file at {shown(revision)[:12]}", self.path)
        return rest.split()[1]

    def _follow(self, published: str, current: str) -> Keys:
        """Find the newest version of the file that was signed for, change by change."""
        lines = list(self._lines(published))
        changes = [change for line in reversed(lines) for change in self._changes(line)]
        if not changes or changes[0].commit in shallow_commits(self._git):
            raise self._shallow()
        self._refuse_another_beginning(published, changes[0].commit)
        first, *later = self._contents(changes)
        counted, ignored = [first], ""
        for change, content in zip(changes[1:], later, strict=True):
            before = next(filter(None, reversed(counted)))
            if self._is_trusted(self._last_change(change.commit), before):
                counted, ignored = [*counted, content], ""
            else:
                ignored = change.commit
        self._refuse_what_was_left_out(lines, {change.blob for change in changes}, counted)
        now = self._read([current])
        return Keys((counted[-1],) if now == counted[-1:] else (counted[-1], *now), ignored)

    # --- the line that is followed --------------------------------------------------------------

    def _lines(self, published: str) -> Iterator[str]:
        """Give the tips of the lines of first parents on which the file came here, newest first.

        There are several where a merge brought the file to a line that did not have it.
        """
        tip = published
        while tip:
            yield tip
            changes = self._changes(tip)
            tip = self._merged_from(changes[0].commit) if changes else ""

    def _changes(self, tip: str) -> list[Change]:
        """Give the changes of the file along first parents, the oldest first."""
        output = self._git.run(
            "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw",
            "--no-abbrev", "--no-renames", "--format=%H", tip, "--", self.path,
        )  # fmt: skip
        found, commit = [], ""
        for line in output.decode(errors="replace").splitlines():
            if line.startswith(":"):
                _, _, _, blob, status, *_ = line.split()
                found.append(Change(commit, "" if status == "D" else blob))
            elif line:
                commit = line
        return found

    def _merged_from(self, commit: str) -> str:
        """Give the parent that a merge took the file from to a line without it; else nothing."""
        first, *others = self._git.run("log", "-1", "--format=%P", commit).decode().split() or [""]
        if first and self._holds(first):
            return ""
        return next((other for other in others if self._holds(other)), "")

    def _holds(self, commit: str) -> bool:
        return bool(self._git.run("ls-tree", commit, "--", self.path))

    # --- what a merge must not do ---------------------------------------------------------------

    def _refuse_another_beginning(self, published: str, beginning: str) -> None:
        """Refuse where a merged line has the file from another beginning: either may be right."""
        output = self._git.run(
            "log", "--full-history", "-m", "--diff-filter=A", "--raw", "--no-renames",
            "--format=%H %P", published, f"^{beginning}", "--", self.path,
        )  # fmt: skip
        lines = output.decode(errors="replace").splitlines()
        added = Counter(line for line in lines if line and not line.startswith(":"))
        for line, times in added.items():
            commit, *parents = line.split()
            if times >= max(1, len(parents)) and not descends(self._git, commit, beginning):
                if commit in shallow_commits(self._git):
                    raise self._shallow()
                twice = f"at {beginning[:12]} and at {commit[:12]}"
                raise _missing(f"it begins twice, {twice}", self.path, hint=_ELSEWHERE)

    def _refuse_what_was_left_out(
        self, lines: Sequence[str], known: Collection[str], counted: Sequence[bytes]
    ) -> None:
        """Refuse where a merge left out a change of the merged line that was signed for."""
        for parent, blob in self._merged(lines):
            if blob in known:
                continue
            last = self._last_change(parent)
            if last and any(self._is_trusted(last, keys) for keys in counted if keys):
                left_out = f"a merge left out its change at {last[:12]}, which was signed"
                raise _missing(left_out, self.path, hint=_ELSEWHERE)

    def _merged(self, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Give each commit that was merged into the lines, and the file's blob there, if any."""
        parents = [parent for tip in lines for parent in self._merged_into(tip)]
        prefix = self._git.run("rev-parse", "--show-prefix").decode().strip()
        path = normpath(prefix + self.path)
        asked = "".join(f"{parent}:{path}\n" for parent in parents).encode()
        told = (
            self._git.run("cat-file", "--batch-check=%(objectname)", stdin=asked) if asked else b""
        )
        for parent, line in zip(parents, told.decode(errors="replace").splitlines(), strict=True):
            yield parent, "" if line.endswith(" missing") else line

    def _merged_into(self, tip: str) -> Iterator[str]:
        output = self._git.run("rev-list", "--first-parent", "--merges", "--parents", tip).decode()
        for line in output.splitlines():
            _, _, *others = line.split()
            yield from others

    # --- git ------------------------------------------------------------------------------------

    def _last_change(self, commit: str) -> str:
        """Give the commit that last changed the file as a commit has it; nothing if none did."""
        return self._git.run("log", "-1", "--format=%H", commit, "--", self.path).decode().strip()

    def _contents(self, changes: Sequence[Change]) -> Iterator[bytes]:
        """Give the file's content after each change; nothing where it was deleted."""
        contents = iter(self._read([change.blob for change in changes if change.blob]))
        for change in changes:
            yield next(contents) if change.blob else b""

    def _read(self, blobs: Sequence[str]) -> list[bytes]:
        reader = BlobReader(self._git, SIZE_LIMIT)
        try:
            contents = list(reader.read(blobs))
        finally:
            reader.close()
        if any(content is None or len(content) > SIZE_LIMIT for content in contents):
            raise _missing("git does not give its content", self.path)
        return [content for content in contents if content is not None]

    def _shallow(self) -> RepositoryError:
        return _missing("the clone is shallow, and its history is not at hand", self.path)


_NEEDED = "see require_signed_commits in docs/provenance.md; a CI job needs the whole history"
_ELSEWHERE = "name a revision that pull requests cannot reach, as REV:PATH; see docs/provenance.md"


def _missing(reason: str, path: str, hint: str = _NEEDED) -> RepositoryError:
    return RepositoryError(
        f"the trusted keys cannot be read from {shown(path)}: {reason}", hint=hint
    )
