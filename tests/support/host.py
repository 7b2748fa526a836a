"""A git host, clones of its repository, and the event log that all of them publish to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest.mock import patch

from bench.corpus import request_text
from franc_gitops import wiring
from franc_gitops.eventlogs.memory import MemoryCluster, MemoryEventLog
from franc_gitops.model import Pin
from franc_gitops.settings import load_settings
from tests.support.git import Clone, clone_repository, new_repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.turn import Pass
    from tests.support.git import Content

PIN = Pin("TestClusterOfThisHost1", "franc.gitops.ledger", "topic-id-1", 32)


def path_of(number: int) -> str:
    """Give the path of a request file below the folder of requests."""
    return f"{number // 1000:04d}/{number:06d}.yaml"


@dataclass
class Host:
    """A bare repository; `cluster` is an event log with offsets and a pin, as Kafka has them."""

    bare: Clone
    folder: Path
    cluster: MemoryCluster = field(
        default_factory=lambda: MemoryCluster(pin=PIN, name=f"kafka:{PIN.cluster_id}")
    )

    @property
    def main(self) -> str:
        """The tip of the main branch."""
        return self.tip("main")

    def tip(self, branch: str) -> str:
        """Where a branch stands; empty if there is none."""
        return self.bare.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def clone(self, name: str, *options: str) -> Site:
        """Clone it as from far away."""
        clone = clone_repository(self.bare.root, self.folder / name, *options)
        return Site(clone, self.cluster)

    def hook(self, name: str, text: str) -> None:
        """Let a hook judge what is pushed."""
        install_hook(self.bare.root / "hooks", name, text)

    def show(self, path: str, branch: str = "main") -> str:
        """Give the content of a file of a branch."""
        return self.bare.git("show", f"{branch}:{path}")

    def status(self, number: int, branch: str = "main") -> str:
        """Give a status file of a branch."""
        return self.show(f"status/{path_of(number)}", branch)

    def files(self, branch: str = "main", folder: str = "status") -> list[str]:
        """Give the files of a branch below a folder."""
        listed = self.bare.git("ls-tree", "-r", "-z", "--name-only", branch, "--", f"{folder}/")
        return [name for name in listed.split("\0") if name]

    def changed(self, commit: str) -> list[str]:
        """Give what a commit changed, compared with its first parent."""
        listed = self.bare.git("diff", "-z", "--name-only", "--no-renames", f"{commit}^1", commit)
        return [name for name in listed.split("\0") if name]

    def parents(self, commit: str) -> list[str]:
        """Give the parents of a commit."""
        return self.bare.git("rev-list", "--parents", "-1", commit).split()[1:]

    def count(self, branch: str = "main") -> int:
        """Count the commits of a branch."""
        return int(self.bare.git("rev-list", "--count", branch))


@dataclass
class Site:
    """A clone that publishes, in this process."""

    clone: Clone
    cluster: MemoryCluster

    @property
    def root(self) -> Path:
        """The clone's folder."""
        return self.clone.root

    def order(self, *numbers: int, push: bool = True, **changes: str) -> str:
        """Commit (and push to the main branch) a request for each number; give the commit."""
        text = "".join(f"{name}: {value}\n" for name, value in changes.items())
        files: Mapping[str, Content] = {
            f"requests/{path_of(number)}": request_text(number) + text for number in numbers
        }
        return self.commit(files, push=push)

    def commit(self, files: Mapping[str, Content], *, push: bool = True) -> str:
        """Commit files (and push them to the main branch)."""
        for path, content in files.items():
            self.clone.write(path, content)
        self.clone.git("add", "--all")
        self.clone.git("commit", "--quiet", "--allow-empty", "-m", "Order changes")
        commit = self.clone.head
        if push:
            self.clone.git("push", "--quiet", "origin", "HEAD:main")
        return commit

    def pull(self) -> None:
        """Stand where the main branch of the host stands."""
        self.clone.git("fetch", "--quiet", "origin", "main")
        self.clone.git("reset", "--quiet", "--hard", "FETCH_HEAD")

    def publish(self, write_back: str = "push", **settings: str) -> Report:
        """Run one pass."""
        with self.open(write_back, **settings) as turn:
            return turn.run()

    @contextmanager
    def open(self, write_back: str = "push", **settings: str) -> Iterator[Pass]:
        """Open a pass; `accept=…` is --accept-ledger."""
        choices = wiring.Choices(accept_ledger=bool(settings.pop("accept", "")))
        flags = {"write_back": write_back, **settings}
        made = load_settings(self.root, flags, is_tracked=lambda _: False, environ={})
        opener = lambda _: MemoryEventLog(self.cluster)  # noqa: E731
        with patch.object(wiring, "open_event_log", opener), wiring.open_pass(made, choices) as it:
            yield it

    @property
    def has_work_tree(self) -> bool:
        """Whether it is not bare."""
        return self.clone.git("rev-parse", "--is-bare-repository") == "false"

    def state(self) -> dict[str, str]:
        """Give all of a work tree's clone that a write-back by push must leave alone."""
        border = self.root / self.clone.git("rev-parse", "--git-path", "shallow")
        return {
            "head": self.clone.git("rev-parse", "--symbolic-full-name", "HEAD", "HEAD"),
            "index": self.clone.git("ls-files", "--stage", "--debug"),
            "status": self.clone.git("status", "--porcelain", "--untracked-files=all"),
            "references": self.clone.git("for-each-ref"),
            "border": border.read_text() if border.exists() else "",
        }


def new_host(folder: Path) -> Host:
    """Make an empty host."""
    bare = new_repository(folder / "host.git", "--bare")
    bare.git("config", "uploadpack.allowFilter", "true")
    return Host(bare, folder)


def install_hook(folder: Path, name: str, text: str) -> None:
    """Write a hook; the text is shell."""
    folder.mkdir(exist_ok=True)
    hook = folder / name
    hook.write_text(f"#!/bin/sh\n{text}\n")
    hook.chmod(0o755)
