"""`franc-gitops explain`: documentation in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.explain import Page

app = verb()


@app.command(
    epilog=epilog(
        {
            "explain FRN204": "what the problem means and how to get out of it",
            "explain speed": "what a field of a request may be",
            "explain write_back": "what a setting does",
            "explain exit-codes": "what the exit code says",
            "explain": "everything there is a page about",
        },
        Exit.OK,
        Exit.USAGE,
    )
)
def explain(
    word: Annotated[
        str | None,
        typer.Argument(metavar="WORD", help="A problem code, a field, a setting, a variable."),
    ] = None,
) -> int:
    """Explain a problem code, a field, a setting or the exit codes."""
    from franc_gitops.explain import find, pages
    from franc_gitops.suggestion import did_you_mean

    if word is None:
        sys.stdout.writelines(_overview(pages()))
        return Exit.OK
    found = find(word)
    if not found:
        hint = did_you_mean(word, {page.word for page in pages()})
        raise UsageError(f"there is no page about {word!r}", hint=hint or "franc-gitops explain")
    sys.stdout.write("\n".join(_show(page) for page in found))
    return Exit.OK


def _show(page: Page) -> str:
    from textwrap import fill, indent

    text = f"{fill(page.text, width=88)}\n" if page.text else ""
    example = f"\n{indent(page.example, '    ')}\n" if page.example else ""
    return f"{page.word}: {page.title}\n\n{text}{example}"


def _overview(pages: Iterable[Page]) -> Iterator[str]:
    seen = set()
    for page in pages:
        if (page.word, page.title) not in seen:
            seen.add((page.word, page.title))
            yield f"{page.word:<28} {page.title}\n"
