"""Pages about problem codes, request fields, settings and exit codes, for `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import Exit
from franc_gitops.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.kinds.fields import Field

GROUPS = {
    "1": "Syntax: the file is not the YAML that is read here",
    "2": "Schema: the fields are not a request",
    "3": "Across requests",
    "4": "Lifecycle: requests against the ledger",
    "5": "Event log",
    "6": "Write-back",
}

EXITS = {
    Exit.OK: "Fine. Warnings are fine too, unless --fail-on-warnings is given.",
    Exit.FINDINGS: "Findings: something is invalid, held or failed.",
    Exit.USAGE: "A human must change something: the command line, a setting, a password, an ACL, "
    "a missing topic, the guard's pins, or a PATH that matches nothing.",
    Exit.CHANGES: "Changes are pending; only with --fail-on-changes.",
    Exit.UNREACHABLE: "The event log cannot be reached. Nothing is lost; trying again may help.",
    Exit.PARTIAL: "Some transactions are committed, then the event log went away. The next "
    "`publish` sends exactly the rest.",
    Exit.WRITE_BACK: "Everything is published, but a status file could not be written. The next "
    "`publish` writes it.",
    Exit.FENCED: "Another publisher kept taking over for too long. Nothing is sent twice.",
    Exit.INTERRUPTED: "Interrupted (Ctrl-C).",
}
OTHER_EXITS = {
    70: "The program itself is wrong: please report it.",
    141: "The reader of the output went away, as in `… | head`.",
    143: "Ended by SIGTERM. What is committed stays published; the next run sends the rest.",
}
EXIT_CODES = "exit-codes"
_WHERE = "Read from the environment or an untracked .env, never from a file in git."


class Page(NamedTuple):
    """What there is to say about one word; `example` is printed as it stands."""

    word: str
    title: str
    text: str
    example: str = ""


def pages() -> Iterator[Page]:
    """Give every page, in the order of the overview."""
    yield from _code_pages()
    yield from _field_pages()
    yield from _setting_pages()
    yield from _kafka_pages()
    yield Page(EXIT_CODES, "what the exit code says", "", exit_table())


def find(word: str) -> list[Page]:
    """Give the pages about a word, whatever its case; a field may have one for each type."""
    wanted = word.lower()
    return [page for page in pages() if page.word.lower() == wanted]


def exit_table(*only: int) -> str:
    """List exit codes, all or some, one a line."""
    meanings = {**{int(code): text for code, text in EXITS.items()}, **OTHER_EXITS}
    chosen = only or tuple(meanings)
    return "\n".join(f"{code:>3}  {meanings[code]}" for code in chosen)


def _code_pages() -> Iterator[Page]:
    for entry in CODES.values():
        severity = f" ({entry.severity})" if entry.severity == "warning" else ""
        yield Page(entry.code, f"{entry.title}{severity}", entry.explanation, entry.example)


def _field_pages() -> Iterator[Page]:
    from franc_gitops.kinds import all_kinds
    from franc_gitops.kinds.common import COMMON

    for common in COMMON:
        yield from _pages_of_field(common, "a field of every request")
    for kind in all_kinds():
        names = ", ".join(field.name for field in kind.fields)
        yield Page(kind.type, "a type of request", f"{kind.meaning} Its fields: {names}.")
        for field in kind.own:
            yield from _pages_of_field(field, f"a field of {kind.type}")


def _pages_of_field(field: Field, what: str) -> Iterator[Page]:
    """Give the page of a field, and those of the members of its rows."""
    presence = "It is required." if field.required else "It may be left out."
    allowed = getattr(field, "rule", None)
    if isinstance(allowed, tuple):
        presence += f" Allowed, unless `rules` in the settings say otherwise: {', '.join(allowed)}."
    example = field.example if isinstance(field.example, str) else f"[{', '.join(field.example)}]"
    yield Page(field.name, what, f"{field.meaning} {presence}", f"{field.name}: {example}")
    for member in getattr(field, "members", ()):
        yield from _pages_of_field(member, f"{what}, in each of its {field.name}")


def _setting_pages() -> Iterator[Page]:
    from franc_gitops.settings.model import FILE_NAME, KEYS
    from franc_gitops.settings.secrets import SECRETS

    for key in KEYS.values():
        also = "" if key.in_file else ", never in the file: a pull request could change it"
        place = f"in {FILE_NAME}, or " if key.in_file else ""
        text = f"{key.meaning} Set it {place}with {key.variable} in the environment{also}."
        default = f"default: {key.default}" if key.default else "no default"
        allowed = key.form.schema.get("enum")
        words = f"\nallowed: {', '.join(map(str, allowed))}" if allowed else ""
        example = f"\n\n{key.form.example}" if key.form.example else ""
        yield Page(key.name, "a setting", text, default + words + example)
    for secret in SECRETS.values():
        text = f"{secret.meaning} {secret.file_variable} may name a file that holds it. {_WHERE}"
        yield Page(secret.name, "a secret setting", text, f"{secret.variable}=…")


def _kafka_pages() -> Iterator[Page]:
    from franc_gitops.settings.kafka import variables

    for variable in variables().values():
        text = variable.meaning
        if not variable.path and variable.field:
            text += f" {variable.file_variable} may name a file that holds it."
        yield Page(variable.name, "a variable", f"{text} {_WHERE}")
