"""A repository of requests that is edited, and what a job then does: the nouns of `edits.py`."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import yaml

from franc_gitops.cli.outcome import code_of_report
from franc_gitops.eventlogs.sqlite import SqliteEventLog
from franc_gitops.settings import Settings
from franc_gitops.wiring import Choices, open_pass
from tests.support.git import Clone, clone_repository, new_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from franc_gitops.eventlogs import Record
    from franc_gitops.pipeline.actions import Plan

REQUEST = {
    "type": "datacenter_deployment",
    "change_number": "CHG-2024-000001",
    "dc_name": "NYC-DC-1",
    "location": "New York Metro",
    "design_pattern": "Spine-Leaf",
}
SHORT = {
    "task_status_update": "status",
    "task_completion": "completion",
}
PUBLISHED = ("request", "status", "completion")
CANCELLATION = ("cancellation",)


def text(**changes: str | None) -> str:
    """Write a request; a change to None leaves a field out."""
    fields = {**REQUEST, **changes}
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None)


OTHER = text(change_number="CHG-2024-000002", dc_name="NYC-DC-2")


@dataclass
class World:
    """A repository of requests with its event log; `publish` is what a job does.

    `path` is the request file whose status is looked at. The other fields are how the job
    that is to be looked at runs.
    """

    folder: Path
    path: str = "a.yaml"
    revision: str = "HEAD"
    worktree: bool = False
    completion: str = "accept"
    clone: Clone = field(init=False)

    def __post_init__(self) -> None:
        """Make an empty repository."""
        self.clone = new_repository(self.folder / "work")
        self.clone.write(".git/info/exclude", ".franc/\nstatus/\n")

    def commit(self, files: Mapping[str, str | None], message: str = "Edit") -> str:
        """Commit request files (None deletes one) and give the commit."""
        for path, content in files.items():
            self.clone.write(f"requests/{path}", content)
        self.clone.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.clone.head

    def git(self, *arguments: str) -> str:
        """Run git a minute after the last commit."""
        return self.clone.git(*arguments, stdin=None, **self.clone.next_date())

    def publish(self) -> Outcome:
        """Run a job and give what came of it."""
        before = len(self.events())
        settings = Settings(root=self.clone.root, completion=self.completion)
        choices = Choices(revision=self.revision, worktree=self.worktree)
        with open_pass(settings, choices) as turn:
            report = turn.run()
        codes = sorted({f"{found.code}" for found in report.plan.problems})
        return Outcome(
            tuple(map(_short, self.events()[before:])),
            self.phase(),
            int(code_of_report(report, fail_on_warnings=False)),
            " ".join(codes),
        )

    def plan(self) -> Plan:
        """Plan what the job would do."""
        settings = Settings(root=self.clone.root, completion=self.completion)
        choices = Choices(revision=self.revision, worktree=self.worktree)
        with open_pass(settings, choices) as turn:
            return turn.plan()

    def events(self) -> list[Record]:
        """Give everything that was sent, in order."""
        log = SqliteEventLog(self.clone.root / ".franc", lambda _: None)
        try:
            return list(log.events())
        finally:
            log.close()

    def phase(self) -> str:
        """Give the phase that the status file tells; nothing if there is no file."""
        file = self.clone.root / "status" / self.path
        return str(yaml.safe_load(file.read_text())["phase"]) if file.is_file() else ""

    def leave_for_a_clone(self, *options: str) -> None:
        """Go on in a new clone with the same event log, as the next CI job does."""
        clone = clone_repository(self.clone.root, self.folder / "clone", *options)
        clone.commits = self.clone.commits
        shutil.copytree(self.clone.root / ".franc", clone.root / ".franc")
        self.clone = clone

    def go_to_a_work_tree(self) -> None:
        """Go on in a linked work tree of the repository with the same event log."""
        tree = Clone(self.folder / "tree", self.clone.commits)
        self.git("worktree", "add", "--quiet", "--detach", str(tree.root))
        shutil.copytree(self.clone.root / ".franc", tree.root / ".franc")
        self.clone = tree

    def add_submodule(self, path: str, files: Mapping[str, str]) -> None:
        """Commit a submodule that holds these files."""
        other = new_repository(self.folder / "other")
        other.commit(files)
        allowed = "-c", "protocol.file.allow=always"
        self.git(*allowed, "submodule", "--quiet", "add", str(other.root), path)
        self.commit({})


class Outcome(NamedTuple):
    """What a job did: events in short, phase of the status file, exit code, codes of problems."""

    events: tuple[str, ...] = ()
    phase: str = "Completed"
    exit: int = 0
    codes: str = ""


class Edit(NamedTuple):
    """One edit: what it is, for readers and as code, and what comes of it."""

    topic: str
    what: str
    do: Callable[[World], object]
    outcome: Outcome

    @property
    def name(self) -> str:
        """Give the name of its test."""
        return self.do.__name__.replace("_", "-")


def _short(record: Record) -> str:
    body = json.loads(record.value)
    if body.get("completion_status") == "cancelled":
        return "cancellation"
    return SHORT.get(body["event_type"], "request")


EDITS: list[Edit] = []


def edit(
    topic: str,
    what: str,
    *events: str,
    phase: str = "Completed",
    exit_code: int = 0,
    codes: str = "",
) -> Callable[[Callable[[World], object]], Callable[[World], object]]:
    """Register an edit with what comes of it; the function makes it, up to the job's start."""

    def register(do: Callable[[World], object]) -> Callable[[World], object]:
        EDITS.append(Edit(topic, what, do, Outcome(events, phase, exit_code, codes)))
        return do

    return register
