"""`franc-gitops explain`: documentation in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit, SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.explain import Configured, Page

app = verb()


@app.command(
    epilog=epilog(
        {
            "explain FRN204": "what the problem means and how to get out of it",
            "explain speed": "what a field may be, `rules` included",
            "explain write_back": "what a setting does",
            "explain exit-codes": "what the exit code says",
            "explain": "everything there is a page about",
        },
        Exit.OK,
        Exit.USAGE,
    )
)
def explain(
    context: typer.Context,
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
    found = find(word, _configured(word, context.obj))
    if not found:
        hint = did_you_mean(word, {page.word for page in pages()})
        raise UsageError(f"there is no page about {word!r}", hint=hint or "franc-gitops explain")
    sys.stdout.write("\n".join(_show(page) for page in found))
    return Exit.OK


def _configured(word: str, invocation: Invocation) -> Configured:
    """Give the value rules of the repository around, if the word may be about them.

    Settings that cannot be read are no reason to explain nothing, rather the contrary.
    """
    from franc_gitops.explain import NO_RULES, Configured, may_have_rule

    if not may_have_rule(word):
        return NO_RULES
    try:
        settings = invocation.settings(with_kafka=False)
    except SettingsError as error:
        invocation.warn(f"`rules` are not shown: {error.message}")
        return NO_RULES
    return Configured(settings.rules, settings.origins.get("rules", ""))


def _show(page: Page) -> str:
    from textwrap import fill, indent

    # Values of fields stay as they are.
    filled = fill(page.text, width=88, break_long_words=False, break_on_hyphens=False)
    text = f"{filled}\n" if page.text else ""
    example = f"\n{indent(page.example, '    ')}\n" if page.example else ""
    return f"{page.word}: {page.title}\n\n{text}{example}"


def _overview(pages: Iterable[Page]) -> Iterator[str]:
    seen = set()
    for page in pages:
        if (page.word, page.title) not in seen:
            seen.add((page.word, page.title))
            yield f"{page.word:<28} {page.title}\n"
