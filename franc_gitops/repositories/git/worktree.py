"""What the work tree has that the commit does not: `git status`, only to warn about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.repositories.names import is_hidden, is_request_name, shown

if TYPE_CHECKING:
    from franc_gitops.repositories.git.command import Git, Process
    from franc_gitops.repositories.git.tree import Location


def start_status(git: Git, requests_dir: str) -> Process:
    """Let git compare commit, index and work tree, while we do something else."""
    return git.start(
        "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all",
        "--ignore-submodules=all", "--", f"{requests_dir}/",
    )  # fmt: skip


def read_status(process: Process, where: Location) -> tuple[str, ...]:
    """Give the request files that were changed, added or deleted and not committed, sorted."""
    entries = b"".join(process.chunks()).decode(errors="surrogateescape").split("\0")
    paths = [entry[3:].removeprefix(where.prefix) for entry in entries]
    return tuple(sorted(shown(path) for path in paths if _is_request(path, where)))


def _is_request(path: str, where: Location) -> bool:
    return is_request_name(path) and not is_hidden(path.removeprefix(f"{where.requests_dir}/"))
