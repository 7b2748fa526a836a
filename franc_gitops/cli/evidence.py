"""`franc-gitops evidence`: all that is known of a change, in one bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from franc_gitops.audit.evidence import Evidence
    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.reports import Render

app = verb()

_SUFFIXES = {"markdown": "md", "json": "json"}


@app.command(
    epilog=epilog(
        {
            "evidence CHG-2024-001234": "one page in Markdown",
            "evidence -o json CHG-2024-001234": "the same as data, with every byte",
            "evidence CHG-2024-001234 --output-dir audit": "a file for each change",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
        Exit.UNREACHABLE,
    )
)
def evidence(
    context: typer.Context,
    wanted: Annotated[
        list[str], typer.Argument(metavar="CHG…", help="Change numbers or request ids.")
    ],
    *,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="markdown|json", help="Output format.")
    ] = "markdown",
    output_dir: Annotated[
        str, typer.Option("--output-dir", metavar="DIR", help="Write a file for each change there.")
    ] = "",
    worktree: options.Worktree = False,
) -> int:
    """Bundle all that is known of a change.

    That is the request, who asked for it, the signature, the events and the status. Each
    publication is shown with the request as it stood at its commit, and each event with its
    place, and whether it is still there as it was published. The same bundle is made again as
    long as git and event log say the same. Exits with 1 if anything is not as it should be.
    A request id stands for the change that it belongs to.
    """
    from franc_gitops.reports import renderer
    from franc_gitops.wiring import Choices, open_collector, open_pass

    invocation = context.obj
    render = renderer("evidence", output)
    settings = invocation.settings()
    choices = Choices(worktree=worktree, write_back=False)
    with open_pass(settings, choices) as turn:
        bundles = open_collector(settings, choices, turn).collect(wanted)
    if output_dir:
        _write_all(Path(output_dir), bundles, render, _SUFFIXES[output], invocation)
    else:
        invocation.write(render(bundles, invocation.look()))
    wrong = sum(problem.is_error for b in bundles for r in b.requests for problem in r.problems)
    invocation.say(f"evidence: {count(len(bundles), 'change')}, {count(wrong, 'error')}")
    return Exit.FINDINGS if wrong else Exit.OK


def _write_all(
    folder: Path,
    bundles: Sequence[Evidence],
    render: Render,
    suffix: str,
    invocation: Invocation,
) -> None:
    """Write a file for each change, and name it on standard output."""
    for bundle in bundles:
        file = folder / f"{bundle.change_number}.{suffix}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(file, render([bundle], invocation.look()._replace(colors=False)))
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}") from None
        invocation.write([f"{file}\n"])


def _write(file: Path, pieces: Iterable[str]) -> None:
    """Write a file whole or not at all; a link in its place is replaced, not followed."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with new.open("x", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.writelines(pieces)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
