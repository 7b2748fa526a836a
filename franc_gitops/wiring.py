"""Settings → opened ports: the one place that chooses implementations and puts a pass together.

Kafka, git and SQLite are imported here only when they are used.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops import pins
from franc_gitops.clock import SystemClock
from franc_gitops.errors import RepositoryError, SettingsError
from franc_gitops.events import Envelope
from franc_gitops.freeze import Calendar
from franc_gitops.pipeline.guard import Guard
from franc_gitops.pipeline.publish import Publisher, no_progress
from franc_gitops.pipeline.turn import Pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from franc_gitops.audit.evidence import Collector
    from franc_gitops.audit.verify import Auditor
    from franc_gitops.eventlogs import EventLog
    from franc_gitops.eventlogs.kafka.probes import KafkaProbes
    from franc_gitops.eventlogs.kafka.topics import KafkaTopics, TopicWishes
    from franc_gitops.model import Pin, Request
    from franc_gitops.pipeline.ports import PartialWriteBack, WriteBack
    from franc_gitops.pipeline.publish import Progress
    from franc_gitops.pipeline.review import Base
    from franc_gitops.pipeline.signatures import SignatureCheck
    from franc_gitops.pipeline.witness import Witness
    from franc_gitops.pipeline.writeback import FilesWriteBack
    from franc_gitops.repositories import RequestRepository
    from franc_gitops.repositories.followed import FollowedFolder
    from franc_gitops.repositories.git.branches import RemoteBranch
    from franc_gitops.repositories.git.command import Git
    from franc_gitops.repositories.git.commits import GitCommits
    from franc_gitops.repositories.git.following import FollowedGit
    from franc_gitops.repositories.git.mirror import Mirror
    from franc_gitops.repositories.git.origin import Origin
    from franc_gitops.settings import Settings
    from franc_gitops.status_reading import StatusReader


_LOCKS_PATIENCE = 10.0
"""Seconds that a status commit on what is checked out waits for git's locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a command line says about one pass, beyond the settings."""

    revision: str = "HEAD"
    worktree: bool = False
    accept_ledger: bool = False
    expect: str | None = None
    strict: bool = False
    offline: bool = False
    write_back: bool = True
    ignore_freeze: bool = False
    override_freeze: bool = False
    local: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    """What is set in git's environment: with it, git sees what was fetched of a remote."""
    progress: Progress = no_progress


AS_USUAL = Choices()


@contextmanager
def open_pass(
    settings: Settings, choices: Choices, repository: RequestRepository | None = None
) -> Iterator[Pass]:
    """Open repository and event log, give a pass over them, and close them in the end.

    `repository` takes the place of the one that the settings lead to.
    """
    from franc_gitops.pipeline.checks import Checks
    from franc_gitops.pipeline.expectation import Expectation
    from franc_gitops.pipeline.validate import FileValidator

    expectation = None if choices.expect is None else Expectation(choices.expect)
    clock = SystemClock()
    with ExitStack() as stack:
        repository = repository or open_repository(settings, choices)
        stack.callback(repository.close)
        validator = FileValidator(repository.read, Checks(settings.rules))
        stack.callback(validator.close)
        write_back = open_write_back(settings, choices) if choices.write_back else None
        if write_back is not None:
            stack.callback(write_back.close)
        log = _stand_in() if choices.offline else open_event_log(settings)
        publisher = Publisher(log, clock, progress=choices.progress)
        stack.callback(publisher.close)
        yield Pass(
            repository=repository,
            publisher=publisher,
            validator=validator,
            envelope=envelope(settings),
            clock=clock,
            guard=Guard(read_pins(settings), accept=choices.accept_ledger),
            write_back=write_back,
            strict=choices.strict,
            signatures=open_signature_check(settings, choices),
            offline=choices.offline,
            expectation=expectation,
            freeze=calendar(settings, choices),
            finished=_finished(settings) if choices.offline else lambda _: False,
            witness=open_witness(settings, choices),
        )


def calendar(settings: Settings, choices: Choices) -> Calendar:
    """Give the freezes; those that are overridden are known nevertheless, and by whom."""
    from franc_gitops.settings.sources import operator

    if choices.ignore_freeze:
        return Calendar()
    return replace(settings.freeze, overridden_by=operator() if choices.override_freeze else "")


def _finished(settings: Settings) -> Callable[[Request], bool]:
    """Give what tells finished requests where no ledger does; without status files, all may be."""
    if settings.write_back == "off":
        return lambda _: True
    from franc_gitops.pipeline.finished import FinishedByStatus

    return FinishedByStatus(settings.root, settings.requests_dir, settings.status_dir)


def open_signature_check(settings: Settings, choices: Choices = AS_USUAL) -> SignatureCheck | None:
    """Give what verifies signatures of commits; None where none are required."""
    if not settings.require_signed_commits:
        return None
    from franc_gitops.repositories.git.signatures import SignatureChecker

    return SignatureChecker(settings.root, settings.require_signed_commits, choices.variables)


def _stand_in() -> EventLog:
    """Give an empty log, without a name, for plans that ask no other."""
    from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog

    return MemoryEventLog(MemoryCluster(name=""))


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


def envelope(settings: Settings) -> Envelope:
    """Give what all events of this installation share."""
    return Envelope(
        prefix=settings.topic_prefix,
        source=settings.source,
        completion=settings.completion,
        user_id_from=settings.user_id_from,
    )


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
    from franc_gitops.repositories.git.targets import choose_remote

    git = Git(settings.root)
    is_alone = settings.write_back == "commit" or not git.run("remote").strip()
    if is_alone and not settings.remote:
        return None
    remote = choose_remote(git, settings.remote, "a remote is to be followed")
    store = settings.root / settings.state_dir / "mirror.git"
    return Mirror(settings.root, store, remote, settings.branch, SystemClock())


def open_event_log(settings: Settings) -> EventLog:
    """Give Kafka if it is enabled, else the embedded log."""
    if settings.kafka_enabled:
        return open_kafka(settings)
    from franc_gitops.eventlogs.sqlite import SqliteEventLog

    return SqliteEventLog(settings.root / settings.state_dir, SystemClock().sleep)


def open_kafka(settings: Settings) -> EventLog:
    """Give the Kafka log; raises SettingsError where its client is not installed."""
    with _needing_the_client():
        from franc_gitops.eventlogs.kafka import KafkaEventLog
    return KafkaEventLog(settings.kafka, settings.topic_prefix, _event_topics())


def _event_topics() -> tuple[str, ...]:
    """Give the guide's topics in its order, then those of further types of request."""
    from franc_gitops import kinds
    from franc_gitops.eventlogs.kafka.names import EVENT_TOPICS

    return tuple(dict.fromkeys([*EVENT_TOPICS, *(kind.topic for kind in kinds.all_kinds())]))


@contextmanager
def _needing_the_client() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f"KAFKA_ENABLED is true, but the Kafka client cannot be imported: {error}",
            hint="pip install confluent-kafka, or set KAFKA_ENABLED=false",
        ) from error


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

    git = Git(settings.root, choices.variables)
    commits = GitCommits(git)
    state = settings.root / settings.state_dir
    is_push = settings.write_back == "push"
    branch, fallback = (
        _remote_branches(settings, git, commits)
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
    settings: Settings, git: Git, commits: GitCommits
) -> tuple[RemoteBranch, RemoteBranch | None]:
    """Give the branch that status files belong to, and the one for what it refuses."""
    from franc_gitops.repositories.git.branches import RemoteBranch
    from franc_gitops.repositories.git.remote import Remote
    from franc_gitops.repositories.git.targets import choose_remote, find_branch

    remote = Remote(git, choose_remote(git, settings.remote))
    branch = RemoteBranch(
        git, commits, remote, lambda left: settings.branch or find_branch(git, remote, left)
    )
    if settings.branch == settings.status_branch:
        return branch, None
    return branch, RemoteBranch(git, commits, remote, lambda _: settings.status_branch)


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


def open_auditor(settings: Settings, choices: Choices, turn: Pass) -> Auditor:
    """Give what audits a pass's repository and event log."""
    from franc_gitops.audit.verify import Auditor

    folder = open_status_reader(settings, choices)
    return Auditor(turn, settings.requests_dir, settings.status_dir, folder)


def open_collector(settings: Settings, choices: Choices, turn: Pass) -> Collector:
    """Give what collects the evidence of changes; commits are known where there is git."""
    from franc_gitops.audit.evidence import Collector
    from franc_gitops.repositories.git import is_git_repository
    from franc_gitops.repositories.git.past import Past

    has_git = not choices.worktree and is_git_repository(settings.root)
    return Collector(turn, Past(settings.root) if has_git else None)


def open_topics(settings: Settings) -> KafkaTopics:
    """Give what creates and compares the topics."""
    with _needing_the_client():
        from franc_gitops.eventlogs.kafka.topics import KafkaTopics
    return KafkaTopics(settings.kafka, settings.topic_prefix, _event_topics())


def topic_wishes(**wishes: int | None) -> TopicWishes:
    """Give what a human wants of new topics; None leaves the default."""
    from franc_gitops.eventlogs.kafka.topics import TopicWishes

    return replace(TopicWishes(), **{name: n for name, n in wishes.items() if n is not None})


def open_probes(settings: Settings) -> KafkaProbes:
    """Give what tries the preconditions of publishing to Kafka."""
    with _needing_the_client():
        from franc_gitops.eventlogs.kafka.probes import KafkaProbes
    return KafkaProbes(settings.kafka, settings.topic_prefix, _event_topics())
