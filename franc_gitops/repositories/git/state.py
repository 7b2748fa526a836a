"""Is there anything of git's in the state folder? Whatever a commit put there is not believed.

The state folder holds what this machine knows: the embedded ledger, what was fetched of the
remote, caches. Git checks out over it what a commit holds, whether it is ignored or not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.errors import StateFolderRefused
from franc_gitops.repositories.git.command import Git, GitMissing, NotARepository
from franc_gitops.repositories.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SHOWN = 3


class StateFolderCheck:
    """Looks at git's index, again only when that has changed."""

    def __init__(self, root: Path, name: str) -> None:
        """Take the folder that the repository is read at and the state folder's path below it."""
        self._git = Git(root)
        self._root = root
        self._name = name
        self._index: Path | None = None
        self._seen: tuple[int, ...] | None = None

    def __call__(self) -> None:
        """Raise StateFolderRefused where git tracks the folder or something in it.

        Raises RepositoryError where git refuses to answer: then nobody knows.
        """
        try:
            stamp = self._stamp()
            if stamp is None or stamp == self._seen:
                return
            found = self._find_tracked()
        except (GitMissing, NotARepository):
            return
        if found:
            raise self._refusal(found)
        self._seen = stamp

    def _stamp(self) -> tuple[int, ...] | None:
        """Tell one state of the index from another; None where there is none, so nothing in it."""
        if self._index is None or not self._index.exists():
            self._index = self._find_index()
        try:
            found = self._index.stat() if self._index else None
        except FileNotFoundError:
            return None
        return found and (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def _find_index(self) -> Path | None:
        """Give the index's file; None where git checks nothing out."""
        told = self._git.run(
            "rev-parse", "--path-format=absolute", "--is-inside-work-tree", "--git-path", "index"
        )
        is_inside, _, file = told.decode(errors="surrogateescape").partition("\n")
        return Path(file.removesuffix("\n")) if is_inside == "true" else None

    def _find_tracked(self) -> list[str]:
        """Give the files and links that git tracks there, in whatever letters it spells them."""
        places = list(dict.fromkeys(self._places()))
        asked = [f":(icase,literal){place}" for place in places]
        command = ("--no-literal-pathspecs", "ls-files", "--cached", "-z", "--")
        listed = self._git.run(*command, *asked).decode(errors="surrogateescape")
        return [path for path in listed.split("\0")[:-1] if self._is_there(path, places)]

    def _places(self) -> Iterator[str]:
        """Give the folder's path, where it leads to, and what git may track on the way there."""
        yield self._name
        real, root = (self._root / self._name).resolve(), self._root.resolve()
        if real != root and real.is_relative_to(root):
            yield str(real.relative_to(root))
        for above in Path(self._name).parents[:-1]:
            if (self._root / above).is_symlink() or (self._root / above / ".git").exists():
                yield str(above)

    def _is_there(self, path: str, places: list[str]) -> bool:
        """Tell whether a path leads to one of the places on this file system."""
        for place in places:
            start = path[: len(place)]
            if start == place or (start.lower() == place.lower() and self._are_same(start, place)):
                return True
        return False

    def _are_same(self, one: str, other: str) -> bool:
        try:
            return os.path.samestat((self._root / one).lstat(), (self._root / other).lstat())
        except OSError:
            return False

    def _refusal(self, found: list[str]) -> StateFolderRefused:
        names = ", ".join(map(shown, found[:_MOST_SHOWN]))
        more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
        return StateFolderRefused(
            f"git tracks what is kept in the state folder {self._name}/, so a commit could have "
            f"put anything there: {names}{more}",
            hint=f"git rm -r --cached {self._name}, and commit; delete the folder, too, unless all "
            "of it is this machine's own",
        )
