"""`franc-gitops init`: a working set-up in an empty repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from franc_gitops.cli.invocation import Invocation

app = verb()

_NAMED = 5
_BRANCH = "main"
_HEAD = "ref: refs/heads/"


@app.command(
    epilog=epilog(
        {
            "init": "with a workflow for GitHub",
            "init --ci gitlab": "with a pipeline for GitLab",
            "init --ci none": "without either",
            "init --owner @acme/network": "who is asked about changed status files",
        },
        Exit.OK,
        Exit.USAGE,
    )
)
def init(
    context: typer.Context,
    *,
    ci: Annotated[
        str, typer.Option("--ci", metavar="github|gitlab|none", help="The CI system.")
    ] = "github",
    owner: Annotated[
        str,
        typer.Option("--owner", metavar="NAME", help="Who owns status files, for CODEOWNERS."),
    ] = "",
) -> int:
    """Put a working set-up into an empty repository.

    That is settings, an example request that sends nothing, JSON Schemas for editors, a CI
    workflow, pre-commit hooks and a CODEOWNERS file. No file is ever overwritten.
    """
    from franc_gitops import starter
    from franc_gitops.suggestion import did_you_mean

    if ci not in starter.CI:
        hint = did_you_mean(ci, starter.CI) or f"--ci {', '.join(starter.CI)}"
        raise UsageError(f"--ci {ci}: there is no set-up for that", hint=hint)
    _check_owner(owner)
    top = _top(Path.cwd())
    branch = _branch(top)
    own = starter.own_files(ci, branch)
    shared = starter.shared_files(ci, owner)
    _refuse_to_overwrite(top, own)
    kept = {path: text for path, text in shared.items() if os.path.lexists(top / path)}
    for path, text in {**own, **shared}.items():
        if path not in kept:
            _create(top / path, text)
            sys.stdout.write(f"{path}\n")
    if ci == "github":  # GitLab knows its default branch by itself
        context.obj.say(f"{starter.CI[ci]} publishes what is on the branch {branch}")
    _tell(kept, context.obj)
    return Exit.OK


def _check_owner(owner: str) -> None:
    if owner and (not owner.isprintable() or "#" in owner or owner.split() != [owner]):
        raise UsageError(f"--owner {owner}: a name as in @acme/network is expected")


def _top(folder: Path) -> Path:
    """Give the top of the clone, where CI systems look; any other folder is a mistake."""
    for above in (folder, *folder.parents):
        if os.path.lexists(above / ".git"):
            if above != folder:
                raise UsageError(
                    f"{folder} is not the top of its repository", hint=f"run it in {above}"
                )
            return folder
    return folder


def _branch(top: Path) -> str:
    """Give the branch that is checked out: whatever is merged into it is published."""
    head = top / ".git" / "HEAD"
    text = head.read_text(encoding="utf-8", errors="replace").strip() if head.is_file() else ""
    name = text.removeprefix(_HEAD)
    plain = name.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum()
    return name if text.startswith(_HEAD) and plain else _BRANCH


def _refuse_to_overwrite(top: Path, paths: Iterable[str]) -> None:
    if there := [path for path in paths if os.path.lexists(top / path)]:
        named = ", ".join(there[:_NAMED])
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise UsageError(
            f"nothing is written, for there is already {named}{more}",
            hint="`init` is for a repository without franc-gitops; move these away first",
        )


def _create(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def _tell(kept: Mapping[str, str], invocation: Invocation) -> None:
    """Say which files were left alone and what is missing in them, then what comes next."""
    for path, text in kept.items():
        lines = "".join(f"    {line}\n" for line in text.splitlines())
        invocation.warn(f"{path} is there already and stays as it is; add to it:\n{lines.rstrip()}")
    invocation.say(
        "next: franc-gitops validate, then commit; franc-gitops plan shows what comes of it"
    )
