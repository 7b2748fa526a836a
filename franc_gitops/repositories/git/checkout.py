"""What files of the work tree hold, by git's own word: none of them is opened.

Git's index says which blob each file was checked out from, and notices by the file's metadata
whether anybody has touched it since. Whatever it is told not to look at (`assume-unchanged`,
sparse checkouts) does not count, nor does anything that is not simply as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.errors import RepositoryError
from franc_gitops.repositories.checkout import Checkout
from franc_gitops.repositories.git.command import Git

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_YOURSELF = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
_AS_IT_WAS = ("H 100644 ", "H 100755 ")
_NO_CONFLICT = " 0\t"


def find_checkout(root: Path, folder: str) -> Checkout | None:
    """Look at a folder below the root; None where git cannot tell: in a plain folder, say."""
    git = Git(root)
    try:
        touched = _names(git, "diff-files", "--name-only", "--relative", "-z", "--", folder)
        listed = _names(git, "ls-files", "-c", "-o", "-s", "-v", "-z", "--", folder)
    except RepositoryError:
        return None
    found = _sort(listed, len(folder) + 1)
    for path in touched:
        name = path[len(folder) + 1 :]
        if found.blobs.pop(name, None):
            found.others.append(name)
    return found


def _sort(listed: list[str], start: int) -> Checkout:
    """Read `git ls-files -s -v`: state, mode, id, stage and path; `? path` for unknown files."""
    found = Checkout({}, [])
    first = next((line for line in listed if line.startswith(_AS_IT_WAS)), "")
    begin = len(_AS_IT_WAS[0])
    end = first.find(" ", begin)
    at_path = end + len(_NO_CONFLICT)
    for line in listed:
        if line.startswith(_AS_IT_WAS) and line[end:at_path] == _NO_CONFLICT:
            found.blobs[line[at_path + start :]] = line[begin:end]
        elif line.startswith("? "):
            found.others.append(line[2 + start :])
        else:
            found.others.append(line.partition("\t")[2][start:])
    return found


def _names(git: Git, *arguments: str) -> list[str]:
    output = git.run(*_LOOK_YOURSELF, *arguments)
    return output.decode(errors="surrogateescape").split("\0")[:-1]
