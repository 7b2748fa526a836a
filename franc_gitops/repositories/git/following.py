"""A repository that is followed: which commit is the newest, and what changed since another.

Made for being asked often: names of commits and blobs are answered by a git process that stays,
and a commit that follows directly on the last one needs no walk through the history.
"""

from __future__ import annotations

import re
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from franc_gitops.errors import RepositoryError
from franc_gitops.model import Provenance, Snapshot
from franc_gitops.repositories.git import HEAD, GitRepository
from franc_gitops.repositories.git.ancestry import descends
from franc_gitops.repositories.git.command import Git, seeing
from franc_gitops.repositories.git.links import leads_through
from franc_gitops.repositories.names import is_hidden, is_request_name, is_safe
from franc_gitops.repositories.places import Identity, identify

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from franc_gitops.repositories.git.command import Process
    from franc_gitops.repositories.git.links import Way

_REGULAR = ("100644", "100755", "100664", "000000")
_PAGE = 4000
"""Bytes of questions sent before the answers are read: they fit into any pipe."""

_COMMIT = re.compile(
    rb"tree [0-9a-f]+\nparent ([0-9a-f]+)\nauthor ([ -~]*>) \d+ [+-]\d{4}\n"
    rb"committer [ -~]*> (\d{1,11}) [+-]\d{4}\n(?!encoding )"
).match
"""A commit with one parent, whose author needs no translation to UTF-8."""


class FollowedGit(GitRepository):
    """The request files of a branch as it moves on; `move_to` says where it is read.

    `objects` is the folder of what was fetched to somewhere else, if that is to be seen, too.
    """

    def __init__(self, root: Path, requests_dir: str, objects: Path | None = None) -> None:
        """Take the folder of a clone and that of the requests in it; run nothing."""
        variables = seeing(objects) if objects else None
        super().__init__(root, requests_dir, git=Git(root, variables, apart=True))
        self._objects = [str(objects)] if objects else []
        self._names = _Names(self._git)
        self._prefix: str | None = None
        self._place: dict[str, Identity] = {}
        self._step: tuple[str, str, frozenset[str]] = ("", "", frozenset())
        self._links: Mapping[str, Way] = {}
        weakref.finalize(self, self._names.close)

    def close(self) -> None:
        """End the processes; the repository can still be used."""
        super().close()
        self._names.close()

    def head(self) -> str:
        """Give the commit that is checked out; raises RepositoryError if there is none."""
        self._follow_place()
        commit = self._names.ask([f"{HEAD}^{{commit}}"])[0]
        if commit is None:
            return self._locate(HEAD)[0].commit  # which explains why it is none
        return commit

    def contains(self, commit: str, other: str) -> bool:
        """Tell whether a commit, or one before it, is the other; raises RepositoryError."""
        return descends(self._git, commit, other)

    def tracked(self, branch: str) -> str:
        """Give where the clone last saw a remote's branch, such as `origin/main`; else nothing."""
        return self._names.ask([f"refs/remotes/{branch}^{{commit}}"])[0] or ""

    def ref_folders(self) -> list[str]:
        """Give the folders that HEAD and the branches are kept in; one, or two in a worktree."""
        places = self._git.run(
            "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"
        )
        return list(dict.fromkeys(places.decode(errors="surrogateescape").splitlines()))

    def _follow_place(self) -> None:
        """Let go of processes that read a repository which is elsewhere now, or gone.

        They stay in the folder that they began in, whatever is done to its name, and never see
        objects whose folder was not there when they began.
        """
        if self._place and all(identify(folder) == it for folder, it in self._place.items()):
            return
        if self._place:
            self.close()
            self._prefix, self._step = None, ("", "", frozenset())
        folders = [str(self.root), *self.ref_folders(), *self._objects]
        self._place = {folder: identify(folder) for folder in folders}

    def move_to(self, commit: str) -> None:
        """Read at this commit from now on."""
        self._revision = commit

    def snapshot(self, revision: str = "") -> Snapshot:
        """List all request files, and keep in mind what links hang on: `changed` looks there."""
        found = super().snapshot(revision)
        if not revision:
            self._links = found.links
        return found

    def changed(self, old: str, new: str) -> Collection[str] | None:
        """Give the request files that differ; None where only a look at all of them can tell."""
        folder = self._folder()
        where = () if self._links else ("--", self._requests_dir)
        try:
            output = self._git.run("diff-tree", "-r", "-z", "--no-renames", old, new, *where)
        except RepositoryError:  # the old commit is gone, after a force-push for one
            return None
        words = output.decode(errors="surrogateescape").split("\0")
        if self._links and leads_through(self._links.values(), words[1::2]):
            return None
        found = set()
        for about, name in zip(words[0:-1:2], words[1::2], strict=True):
            if not f"{name}/".startswith(f"{folder}/"):
                continue
            path = name.removeprefix(self._prefix or "")
            modes = about[1:].split(" ")[:2]
            if path == self._requests_dir or not all(mode in _REGULAR for mode in modes):
                return None
            if is_request_name(path) and not is_hidden(path.removeprefix(f"{self._requests_dir}/")):
                found.add(path)
        self._step = (old, new, frozenset(found))
        return found

    def part(self, commit: str, paths: Collection[str]) -> Snapshot | None:
        """Find a few request files; None where it takes a look at all of them."""
        wanted = sorted(paths)
        if not all(map(is_safe, wanted)) or not self._links.keys().isdisjoint(wanted):
            return None
        self._folder()
        if self._names.ask([f"{commit}^{{commit}}"])[0] is None:
            return None  # nothing of it could be told from what is deleted
        blobs = self._names.ask([f"{commit}:{self._prefix}{path}" for path in wanted], "blob")
        return Snapshot(commit, {p: b for p, b in zip(wanted, blobs, strict=True) if b})

    def provenance(self, snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, Provenance]:
        """Give the commit that last touched each path, as `git log -1 -- path` names it."""
        wanted = set(paths)
        old, new, touched = self._step
        step = self._read_step(old) if new == snapshot.commit and wanted & touched else None
        if step is None:
            return super().provenance(snapshot, wanted)
        near = dict.fromkeys(wanted & touched, step)
        far = wanted - touched
        return {**near, **(super().provenance(snapshot, far) if far else {})}

    def _read_step(self, old: str) -> Provenance | None:
        """Read the commit, if it follows directly on the old one; most do."""
        commit = self._step[1]
        content = next(iter(self._blobs.read([commit])), None) or b""
        found = _COMMIT(content)
        if found is None or found[1].decode() != old:
            return None
        try:
            time = datetime.fromtimestamp(int(found[3]), UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return Provenance(commit, time, found[2].decode())

    def _folder(self) -> str:
        """Give the requests folder's path from the top of the repository."""
        if self._prefix is None:
            self._prefix = self._locate(self._revision)[0].prefix
        return self._prefix + self._requests_dir


class _Names:
    """Turns names of objects into ids, by one `git cat-file` that stays."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: Process | None = None

    def ask(self, names: Collection[str], kind: str = "commit") -> list[str | None]:
        """Give the id of each object of that kind; None for what is not there, or another kind."""
        try:
            return self._ask(names, kind)
        except RepositoryError:  # it may have been killed since it was last asked
            self.close()
            return self._ask(names, kind)

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _ask(self, names: Collection[str], kind: str) -> list[str | None]:
        if self._process is None:
            self._process = self._git.start(
                "cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=True
            )
        found: list[str | None] = []
        page: list[bytes] = []
        for name in names:
            page.append(f"{name}\n".encode())
            if sum(map(len, page)) > _PAGE:
                found += self._exchange(self._process, page, kind)
                page.clear()
        return [*found, *self._exchange(self._process, page, kind)]

    def _exchange(self, process: Process, page: list[bytes], kind: str) -> list[str | None]:
        process.write(b"".join(page))
        answers = b""
        while answers.count(b"\n") < len(page):
            block = process.read()
            if not block:
                raise process.failure()
            answers += block
        lines = [line.split(" ") for line in answers.decode(errors="replace").splitlines()]
        return [words[1] if words[0] == kind and len(words) == 2 else None for words in lines]  # noqa: PLR2004
