"""A branch under review: the pass as the verbs open it, without a process for each."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.corpus import request_text
from franc_gitops.settings import load_settings
from franc_gitops.wiring import Choices, open_base, open_pass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from franc_gitops.pipeline.report import Report
    from franc_gitops.pipeline.review import Review
    from franc_gitops.pipeline.turn import Pass
    from franc_gitops.settings import Settings
    from tests.support.git import Content
    from tests.support.project import Project

A, B, C = "requests/a.yaml", "requests/b.yaml", "requests/c.yaml"
ONE, TWO, THREE = request_text(0), request_text(1), request_text(6)
ID_ONE, ID_TWO, ID_THREE = (
    "datacenter_CHG-2024-000000",
    "pop_CHG-2024-000001",
    "datacenter_CHG-2024-000006",
)


def settings_of(root: Path, *, offline: bool = False) -> Settings:
    """Load the settings of a repository, whatever the environment says."""
    return load_settings(root, is_tracked=lambda _: False, environ={}, offline=offline)


@contextmanager
def opened(
    root: Path,
    *,
    revision: str = "HEAD",
    offline: bool = False,
    strict: bool = False,
    worktree: bool = False,
    expect: str | None = None,
) -> Iterator[Pass]:
    """Open a pass as `plan` and `publish` do; no status file is written."""
    choices = Choices(
        revision=revision,
        offline=offline,
        strict=strict,
        worktree=worktree,
        expect=expect,
        write_back=False,
    )
    with open_pass(settings_of(root, offline=offline), choices) as turn:
        yield turn


def review_of(
    root: Path,
    base: str = "main",
    *,
    offline: bool = False,
    strict: bool = False,
    worktree: bool = False,
    completion: str = "accept",
) -> Review:
    """Give what HEAD adds to a base."""
    with ExitStack() as stack:
        began = stack.enter_context(open_base(settings_of(root, offline=offline), base, "HEAD"))
        turn = stack.enter_context(opened(root, offline=offline, strict=strict, worktree=worktree))
        turn.envelope = replace(turn.envelope, completion=completion)
        return turn.review(began)


def publish(root: Path, completion: str = "accept") -> Report:
    """Publish HEAD to the embedded log."""
    with opened(root) as turn:
        turn.envelope = replace(turn.envelope, completion=completion)
        return turn.run()


def told(review: Review) -> list[tuple[str, str]]:
    """Give what becomes of each request that a review shows: kind and request_id, sorted."""
    return sorted((str(action.kind), action.request_id) for action in review.plan.actions)


def codes(review: Review) -> list[tuple[str, str]]:
    """Give code and path of each problem that a review shows."""
    return [(found.code, found.path) for found in review.plan.problems]


def raised(number: int, revision: int = 2) -> str:
    """Give a request with other content and a revision of its own."""
    text = request_text(number).replace("New York Metro", "Newark").replace("Building", "House")
    return f"{text}revision: {revision}\n"


def on_main(project: Project, files: dict[str, Content], *, published: bool = True) -> Project:
    """Commit files on main, publish them if wanted, and begin a branch."""
    project.clone.commit(files)
    if published:
        publish(project.root)
    project.clone.git("checkout", "-q", "-b", "change")
    return project


def changed(project: Project, files: dict[str, Content]) -> Project:
    """Commit files on the branch."""
    project.clone.commit(files)
    return project
