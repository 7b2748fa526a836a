"""Settings → where results go and are read again: status files, their commits, the pins."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from franc_gitops import pins
from franc_gitops.clock import SystemClock
from franc_gitops.errors import SettingsError
from franc_gitops.wiring.choices import AS_USUAL
from franc_gitops.wiring.state import state_check, state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from franc_gitops.model import Pin
    from franc_gitops.pipeline.ports import PartialWriteBack, WriteBack
    from franc_gitops.pipeline.witness import Witness
    from franc_gitops.pipeline.writeback import FilesWriteBack
    from franc_gitops.repositories.git.branches import RemoteBranch
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.commits import GitCommits
    from franc_gitops.settings import Settings
    from franc_gitops.status_reading import StatusReader
    from franc_gitops.wiring.choices import Choices

_LOCKS_PATIENCE = 10.0
"""Seconds that a status commit on what is checked out waits for git's locks."""


def pins_file(settings: Settings) -> Path:
    """Give the file that the Kafka ledgers are pinned in."""
    return settings.root / settings.status_dir / pins.FILE_NAME


def read_pins(
    settings: Settings, commit: str = "", variables: Mapping[str, str] | None = None
) -> tuple[Pin, ...]:
    """Give the pins of the settings, else those of the repository; none at first.

    Where no status files are checked out they are those of a commit, else of HEAD.
    """
    if settings.ledger:
        return settings.ledger
    from franc_gitops.repositories.files import read_regular

    file, where = pins_file(settings), f"{settings.status_dir}/{pins.FILE_NAME}"
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        if not settings.kafka_enabled:
            return ()
        from franc_gitops.repositories.git.command import Git
        from franc_gitops.repositories.git.tracking import read_committed

        committed = read_committed(Git(settings.root, variables), where, commit or "HEAD")
        return () if committed is None else pins.decode(committed, where)
    except OSError as error:
        raise SettingsError(f"{where} cannot be read: {error.strerror}") from error
    content = read_regular(str(file), where)
    if isinstance(content, bytes):
        return pins.decode(content, where)
    raise SettingsError(f"{where}: {content.message}", hint=content.hint)


def open_write_back(settings: Settings, choices: Choices = AS_USUAL) -> WriteBack | None:
    """Give the write-back of the configured mode; None where it is off.

    Raises SettingsError where there is nothing to write to in that mode.
    """
    if settings.write_back == "off":
        return None
    _check_place(settings, worktree=choices.worktree)
    if settings.write_back == "files":
        return _open_files(settings)
    return _open_commits(settings, choices)


def _check_place(settings: Settings, *, worktree: bool) -> None:
    """Refuse what cannot be before anything is published."""
    from franc_gitops.repositories.git import Kind, kind_of

    mode, kind = settings.write_back, kind_of(settings.root)
    if kind is Kind.BARE and mode != "push":
        raise SettingsError(
            f"write_back is {mode}, but {settings.root} is {kind.value}",
            hint="set write_back to push, or to off; or run it in a clone with a work tree",
        )
    if mode == "files":
        return
    if kind is Kind.NONE or worktree:
        why = "--worktree reads no commit" if worktree else f"{settings.root} is {kind.value}"
        raise SettingsError(
            f"write_back is {mode}, but {why}: status files are committed next to the requests",
            hint="set write_back to files, or to off: --set write_back=files",
        )


def open_work_tree(settings: Settings) -> PartialWriteBack | None:
    """Give what writes status files into the work tree; None where none are kept there."""
    return _open_files(settings) if settings.write_back in {"files", "commit"} else None


def _open_files(settings: Settings) -> FilesWriteBack:
    from franc_gitops.pipeline.writeback import FilesWriteBack
    from franc_gitops.repositories.git.checkout import find_checkout

    state_check(settings)()
    return FilesWriteBack(
        settings.root,
        settings.requests_dir,
        settings.status_dir,
        settings.state_dir,
        SystemClock(),
        partial(find_checkout, settings.root, settings.status_dir),
    )


def _open_commits(settings: Settings, choices: Choices) -> WriteBack:
    from franc_gitops.pipeline.status_changes import CommittedFolder
    from franc_gitops.pipeline.writeback_git import CommitStyle, GitWriteBack
    from franc_gitops.repositories.git.branches import CheckedOutBranch
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.commits import GitCommits

    git = Git(settings.root, choices.writing or choices.variables)
    commits = GitCommits(git)
    state = state_folder(settings)
    is_push = settings.write_back == "push"
    branch, fallback = (
        _remote_branches(settings, choices, git, commits)
        if is_push
        else (CheckedOutBranch(git, commits), None)
    )
    return GitWriteBack(
        commits=commits,
        folder=CommittedFolder(commits, settings.status_dir, settings.requests_dir, state),
        requests_dir=settings.requests_dir,
        branch=branch,
        fallback=fallback,
        files=None if is_push else _open_files(settings),
        style=CommitStyle(settings.commit_author, settings.commit_message),
        clock=SystemClock(),
        patience=settings.push_timeout if is_push else _LOCKS_PATIENCE,
    )


def _remote_branches(
    settings: Settings, choices: Choices, git: Git, commits: GitCommits
) -> tuple[RemoteBranch, RemoteBranch | None]:
    """Give the branch that status files belong to, and the one for what it refuses."""
    from franc_gitops.repositories.git.branches import RemoteBranch
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.remote import Remote
    from franc_gitops.repositories.git.targets import choose_remote, find_branch

    remote = Remote(git, choose_remote(Git(settings.root), settings.remote))
    annex = Remote(choices.annex.git, remote.name) if choices.annex else None
    branch = RemoteBranch(
        git, commits, remote, lambda left: settings.branch or find_branch(git, remote, left), annex
    )
    if settings.branch == settings.status_branch:
        return branch, None
    return branch, RemoteBranch(git, commits, remote, lambda _: settings.status_branch, annex)


@contextmanager
def beside_the_clone(settings: Settings, choices: Choices) -> Iterator[Choices]:
    """Let a job that pushes from a shallow clone fetch and commit elsewhere than in the clone."""
    if settings.write_back != "push" or choices.worktree or not choices.write_back:
        yield choices
        return
    from franc_gitops.repositories.git import is_git_repository
    from franc_gitops.repositories.git.annex import Annex, is_shallow

    if not is_git_repository(settings.root) or not is_shallow(settings.root):
        yield choices
        return
    annex = Annex(settings.root)
    try:
        yield replace(choices, variables=annex.variables, annex=annex)
    finally:
        annex.close()


def open_status_reader(settings: Settings, choices: Choices) -> StatusReader | None:
    """Give the status files as they are; None where none are kept.

    They are in the work tree, unless another commit is asked for or nothing is written there.
    """
    if settings.write_back == "off":
        return None
    is_bare = not (settings.root / ".git").exists() and (settings.root / "HEAD").is_file()
    is_pushed = settings.write_back == "push" and not choices.worktree
    if is_bare or is_pushed or choices.revision != "HEAD":
        from franc_gitops.repositories.git.status import CommittedReader

        return CommittedReader(settings.root, settings.status_dir, choices.revision)
    from franc_gitops.status_reading import WorkTreeReader

    return WorkTreeReader(settings.root / settings.status_dir)


def open_witness(settings: Settings, choices: Choices) -> Witness | None:
    """Give what knows from status files what was published to Kafka."""
    folder = open_status_reader(settings, choices) if settings.kafka_enabled else None
    if folder is None:
        return None
    from franc_gitops.pipeline.witness import Witness

    return Witness(folder, f"{settings.requests_dir}/")
