"""`franc-gitops validate`: everything that is wrong with request files."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.model import Problem, Request, SourceFile, Validated
    from franc_gitops.repositories.given import RequestFiles
    from franc_gitops.settings import Settings

app = verb()

STDIN = "-"
STDIN_NAME = "<stdin>"


@app.command(
    epilog=epilog(
        {
            "validate": "all request files, committed or not",
            "validate a.yaml b.yaml": "some files",
            "validate requests/2024": "the request files below a folder",
            "validate - < a.yaml": "standard input",
            "validate -o json": "for scripts",
            "validate -o github -o sarif=franc.sarif": "marked in a pull request, and as a file",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
    )
)
def validate(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH…]", help="Files, folders or -; the requests folder if none is given."
        ),
    ] = None,
    output: options.Outputs = None,
    max_length: options.MaxLength = "",
    fail_on_warnings: options.FailOnWarnings = False,
    allow_empty: options.AllowEmpty = False,
) -> int:
    """Show everything that is wrong with request files.

    Each problem is told with line, column and the way out; `explain CODE` says more.
    Needs no git, no broker and no secret: KAFKA_* variables are not looked at.
    """
    from franc_gitops.cli.outputs import open_outputs
    from franc_gitops.reports import Findings
    from franc_gitops.repositories.given import find_request_files

    invocation = context.obj
    outputs = open_outputs("findings", output, invocation, max_length)
    settings = invocation.settings(with_kafka=False)
    wanted = paths or [str(settings.root / settings.requests_dir)]
    named = [path for path in wanted if path != STDIN]
    found = find_request_files(settings.root, named, (settings.status_dir, settings.state_dir))
    if STDIN in wanted:
        found = _with_stdin(found)
    _check_matches(found, settings, allow_empty=allow_empty)
    validated = _validate(found, settings, invocation)
    findings = Findings(validated, _line_finder(found))
    outputs.write(findings, settings.root)
    invocation.say(findings.summary)
    warned = fail_on_warnings and bool(validated.problems)
    return Exit.FINDINGS if validated.errors or warned else Exit.OK


def _with_stdin(found: RequestFiles) -> RequestFiles:
    """Add what stands on standard input, cut one byte after the size limit."""
    from franc_gitops.model import SourceFile
    from franc_gitops.repositories.names import SIZE_LIMIT

    content = sys.stdin.buffer.read(SIZE_LIMIT + 1)
    read_files = found.read

    def read(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Problem]]:
        for file in files:
            if file.path == STDIN_NAME:
                yield file, content
            else:
                yield from read_files([file])

    return found._replace(files=[*found.files, SourceFile(STDIN_NAME, "")], read=read)


def _check_matches(found: RequestFiles, settings: Settings, *, allow_empty: bool) -> None:
    """Refuse a path that leads to no request file: a check that looked at nothing is not green."""
    if found.unmatched and not allow_empty:
        raise UsageError(
            f"no request file found: {', '.join(found.unmatched)}",
            hint=f"check the path (in {settings.root}); with --allow-empty this is fine",
        )


def _validate(found: RequestFiles, settings: Settings, invocation: Invocation) -> Validated:
    """Judge each file, then hold the requests against each other."""
    from franc_gitops.cli.progress import progress_bar
    from franc_gitops.pipeline.checks import Checks
    from franc_gitops.pipeline.validate import FileValidator

    with progress_bar(invocation, "validating") as progress:
        judge = FileValidator(found.read, Checks(settings.rules), _counting(progress, found))
        validated = judge(found.files)
    across = _hold_against_each_other(validated.requests, found, settings)
    problems = [*found.problems, *validated.problems, *across]
    problems.sort(key=lambda problem: problem.sort_key)
    return replace(validated, problems=tuple(problems))


def _hold_against_each_other(
    requests: Sequence[Request], found: RequestFiles, settings: Settings
) -> Iterator[Problem]:
    """Find what stands twice; which requests are finished is known from status files only."""
    from franc_gitops.pipeline.validate import find_repeated

    yield from find_repeated(requests)
    if len(requests) > 1 and settings.write_back != "off":
        from franc_gitops.pipeline.conflicts import conflicts_among
        from franc_gitops.pipeline.finished import FinishedByStatus
        from franc_gitops.pipeline.open_requests import Claims

        finished = FinishedByStatus(settings.root, settings.requests_dir, settings.status_dir)
        yield from conflicts_among(requests, finished, Claims(found.read).locate)


def _counting(progress: Callable[[int, int], None], found: RequestFiles) -> Callable[[int], None]:
    """Turn "so many more" into "so many of so many"."""
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        progress(done, len(found.files))

    return add


def _line_finder(found: RequestFiles) -> Callable[[Problem], str]:
    """Give a function that reads the line of a problem; each file is read once more at the most."""
    files = {file.path: file for file in found.files}
    lines: dict[str, Sequence[str]] = {}

    def line(problem: Problem) -> str:
        if problem.path not in lines:
            file = files.get(problem.path)
            content = next(found.read([file]))[1] if file else b""
            text = content.decode(errors="replace") if isinstance(content, bytes) else ""
            lines.clear()
            lines[problem.path] = text.splitlines()
        known = lines[problem.path]
        return known[problem.line - 1] if problem.line <= len(known) else ""

    return line
