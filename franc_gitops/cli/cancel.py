"""`franc-gitops cancel`: take requests back, by writing so into their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.pipeline.cancellation import Cancellation, Edit, Wish
    from franc_gitops.repositories.given import RequestFiles
    from franc_gitops.settings import Settings

app = verb()


@app.command(
    epilog=epilog(
        {
            "cancel CHG-2024-001234 --reason 'ordered twice'": "every request of the change",
            "cancel CHG-2024-001234 --item leaf-01 --reason …": "one of them",
            "cancel pop_CHG-2024-001234 --reason …": "the same, by its request id",
            "cancel CHG-2024-001234 --reason … --dry-run": "show the edit as a diff",
            "cancel CHG-2024-001234 --reason … | xargs git add": "and stage it",
        },
        Exit.OK,
        Exit.FINDINGS,
        Exit.USAGE,
    )
)
def cancel(
    context: typer.Context,
    wanted: Annotated[
        list[str], typer.Argument(metavar="CHG…", help="Change numbers or request ids.")
    ],
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it becomes part of the event.")
    ],
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Only requests of this type.")
    ] = "",
    item: Annotated[
        str, typer.Option("--item", metavar="ITEM", help="Only the request of this item.")
    ] = "",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|json", help="Output format.")
    ] = "text",
    dry_run: options.DryRun = False,
) -> int:
    """Take requests back: write `cancel` into their files.

    Every other byte of the files stays. Nothing is sent and nothing is committed: commit the
    files, and the next `publish` takes back what was published. Prints the files that were
    edited, one a line.
    """
    from franc_gitops.pipeline.cancellation import Wish, check_reason
    from franc_gitops.pipeline.cancellation import cancel as make
    from franc_gitops.pipeline.checks import Checks
    from franc_gitops.reports import renderer

    invocation = context.obj
    render = renderer("edits", output)
    settings = invocation.settings(with_kafka=False)
    wish = Wish(wanted, check_reason(reason), kind, item)
    found = _find(settings)
    contents = dict(_read(found, wish))
    made = make(contents, wish, Checks(settings.rules))
    if made.problems:
        return _refuse(made, invocation)
    if made.missing:
        raise _unknown(made, found)
    if dry_run and output == "text":
        invocation.write(_diff(contents, made.files))
    else:
        _replace(found, contents, {} if dry_run else made.files)
        invocation.write(render(_rows(made, settings), invocation.look()))
    _tell(made, settings, invocation, dry_run=dry_run)
    return Exit.OK


def _find(settings: Settings) -> RequestFiles:
    from franc_gitops.repositories.given import find_request_files

    folder = str(settings.root / settings.requests_dir)
    found = find_request_files(settings.root, [folder], (settings.status_dir, settings.state_dir))
    if found.unmatched:
        raise UsageError(f"there is no request file below {folder}")
    return found


def _read(found: RequestFiles, wish: Wish) -> Iterator[tuple[str, bytes]]:
    """Give the files that may hold what is meant."""
    from franc_gitops.pipeline.cancellation import change_numbers

    numbers = change_numbers(wish.words)
    for file, content in found.read(found.files):
        if isinstance(content, bytes) and any(number in content for number in numbers):
            yield file.path, content


def _replace(
    found: RequestFiles, contents: Mapping[str, bytes], files: Mapping[str, bytes]
) -> None:
    from franc_gitops.repositories.replacing import replace_files

    opened = found.opened
    replace_files(
        {opened[path]: contents[path] for path in files},
        {opened[path]: new for path, new in files.items()},
    )


def _refuse(made: Cancellation, invocation: Invocation) -> int:
    """Show what keeps the files from being edited; none was."""
    from franc_gitops.model import Validated
    from franc_gitops.reports import Findings, renderer

    problems = tuple(sorted(made.problems, key=lambda found: found.sort_key))
    invocation.write(
        renderer("findings", "text")(Findings(Validated((), problems)), invocation.look())
    )
    invocation.fail("nothing was edited: with these errors, publish would hold the files anyway")
    return Exit.FINDINGS


def _unknown(made: Cancellation, found: RequestFiles) -> UsageError:
    """Say what was not found, and what may be meant."""
    from franc_gitops.pipeline.cancellation import known_changes
    from franc_gitops.suggestion import did_you_mean

    word = made.missing[0]
    if made.passed_over:
        return UsageError(
            f"no request of {word} is of that type and item",
            hint=f"there is {', '.join(made.passed_over)}",
        )
    known = known_changes(c for _, c in found.read(found.files) if isinstance(c, bytes))
    hint = did_you_mean(word, known) or "franc-gitops status shows what there is"
    return UsageError(f"there is no request {word} in the request files", hint=hint)


def _diff(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[str]:
    from difflib import unified_diff

    for path, content in new.items():
        before = old[path].decode().splitlines(keepends=True)
        after = content.decode().splitlines(keepends=True)
        for line in unified_diff(before, after, f"a/{path}", f"b/{path}"):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _rows(made: Cancellation, settings: Settings) -> Sequence[Mapping[str, object]]:
    return [
        {
            "request_id": edit.request_id,
            "path": edit.path,
            "line": edit.line,
            "reason": edit.reason,
            "edited": edit.is_new,
            "published": _is_published(edit, settings),
        }
        for edit in made.edits
    ]


def _is_published(edit: Edit, settings: Settings) -> bool | None:
    """Tell what the status file says; None if it says nothing of the request."""
    from franc_gitops.pipeline.cancellation import published_in

    below = edit.path.removeprefix(f"{settings.requests_dir}/")
    try:
        return published_in((settings.root / settings.status_dir / below).read_bytes(), edit)
    except OSError:
        return None


def _tell(made: Cancellation, settings: Settings, invocation: Invocation, *, dry_run: bool) -> None:
    """Say what was done for each request, and what is to be done next."""
    for edit in made.edits:
        place = f"{edit.request_id} ({edit.path}:{edit.line})"
        if not edit.is_new:
            invocation.say(f"{place} is cancelled already: {edit.was}")
        elif _is_published(edit, settings):
            invocation.say(f"{place} is published: publish will send a cancellation")
        else:
            invocation.say(
                f"{place}: no status file says that it is published; if it is not, nothing is sent"
            )
    new = sum(edit.is_new for edit in made.edits)
    if not new:
        invocation.say("cancel: nothing to do")
    elif dry_run:
        invocation.say(f"cancel: would edit {count(len(made.files), 'file')}")
    else:
        invocation.say(f"cancel: {count(new, 'request')} in {count(len(made.files), 'file')}")
        invocation.say("next: git commit, and publish; until then nothing has changed for anybody")
