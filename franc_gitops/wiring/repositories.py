"""Settings → where requests are read: a commit, a folder, what is followed, a base."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.clock import SystemClock
from franc_gitops.errors import RepositoryError, SettingsError
from franc_gitops.wiring.state import state_check, state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from franc_gitops.pipeline.review import Base
    from franc_gitops.repositories import RequestRepository
    from franc_gitops.repositories.followed import FollowedFolder
    from franc_gitops.repositories.git.ahead import Ahead
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.following import FollowedGit
    from franc_gitops.repositories.git.mirror import Mirror
    from franc_gitops.repositories.git.origin import Origin
    from franc_gitops.settings import Settings
    from franc_gitops.wiring.choices import Choices


@contextmanager
def open_base(settings: Settings, revision: str, planned: str) -> Iterator[Base]:
    """Find where the planned revision left another one, and give what reads it there.

    What a shallow clone lacks is fetched. Raises RepositoryError saying what to change.
    """
    from franc_gitops.pipeline.checks import Checks
    from franc_gitops.pipeline.review import Base
    from franc_gitops.pipeline.validate import FileValidator
    from franc_gitops.repositories.git import GitRepository, is_git_repository
    from franc_gitops.repositories.git.base import find_base

    if not is_git_repository(settings.root):
        raise RepositoryError(
            f"{settings.root} is not a git repository, so there is no base to compare with",
            hint="run it inside a clone, or leave --base out",
        )
    commit, is_whole = find_base(settings.root, revision, planned)
    with GitRepository(settings.root, settings.requests_dir, commit) as repository:
        validator = FileValidator(repository.read, Checks(settings.rules), workers=0)
        yield Base(revision, commit, is_whole, repository, validator)


def open_repository(settings: Settings, choices: Choices) -> RequestRepository:
    """Give the commit of a git repository, or the plain folder if asked for or no git is there."""
    if not choices.worktree:
        from franc_gitops.repositories.git import GitRepository, is_git_repository
        from franc_gitops.repositories.git.command import Git

        if is_git_repository(settings.root):
            git = Git(settings.root, choices.variables)
            return GitRepository(settings.root, settings.requests_dir, choices.revision, git)
        if choices.revision != "HEAD":
            raise RepositoryError(
                f"{settings.root} is not a git repository, so it has no revision",
                hint="run it inside a clone, or leave --rev out to read the plain folder",
            )
    from franc_gitops.repositories.directory import DirectoryRepository

    return DirectoryRepository(settings.root, settings.requests_dir)


def find_origin(settings: Settings) -> Origin:
    """Give where the clone comes from; nothing for a plain folder."""
    from franc_gitops.repositories.git.origin import find_origin as ask_git

    return ask_git(settings.root)


class Followed(NamedTuple):
    """What a daemon follows: a repository, and the branch of its remote if it has one."""

    repository: FollowedGit | FollowedFolder
    remote: Mirror | None = None


def open_followed(settings: Settings, choices: Choices) -> Followed:
    """Give the repository for a daemon, which asks often and for little.

    Raises SettingsError where it is not clear which of several remotes is to be followed.
    """
    if not choices.worktree:
        from franc_gitops.repositories.git import is_git_repository

        if is_git_repository(settings.root):
            return _open_clone(settings, choices)
    from franc_gitops.repositories.followed import FollowedFolder
    from franc_gitops.repositories.writers import ignore_lease_breaks

    ignore_lease_breaks()
    return Followed(FollowedFolder(settings.root, settings.requests_dir, SystemClock()))


def _open_clone(settings: Settings, choices: Choices) -> Followed:
    from franc_gitops.repositories.git.following import FollowedGit

    mirror = None if choices.local else _open_mirror(settings)
    objects = mirror.objects if mirror else None
    return Followed(FollowedGit(settings.root, settings.requests_dir, objects), mirror)


def _open_mirror(settings: Settings) -> Mirror | None:
    """Give what follows the remote's branch; None where there is no remote.

    A clone that status files are committed to has commits of its own: it is followed itself.
    """
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.mirror import Mirror

    remote = _followed_remote(settings, Git(settings.root))
    if not remote:
        return None
    check = state_check(settings)
    return Mirror(settings.root, _store(settings), remote, settings.branch, SystemClock(), check)


def find_ahead(settings: Settings, choices: Choices) -> Ahead | None:
    """Give the commit that `watch` goes by in this clone, if that is newer than its HEAD.

    None where another revision than HEAD is asked for, and where no remote is followed.
    """
    if choices.revision != "HEAD" or not _store(settings).is_dir():
        return None
    from franc_gitops.repositories.git import is_git_repository
    from franc_gitops.repositories.git.ahead import find_ahead as ask_git
    from franc_gitops.repositories.git.command import Git

    if not is_git_repository(settings.root):
        return None
    try:
        remote = _followed_remote(settings, Git(settings.root))
    except SettingsError:  # it is open which one is followed; `watch` says so
        return None
    return ask_git(settings.root, _store(settings), remote, settings.branch) if remote else None


def _store(settings: Settings) -> Path:
    """Give the folder of what was fetched of the remote that is followed."""
    return state_folder(settings) / "mirror.git"


def _followed_remote(settings: Settings, git: Git) -> str:
    """Give the remote that is followed; empty where the clone itself is."""
    from franc_gitops.repositories.git.targets import choose_remote

    if settings.write_back == "commit" or not (settings.remote or git.run("remote").strip()):
        return ""
    return choose_remote(git, settings.remote, "a remote is to be followed")
