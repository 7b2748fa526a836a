"""Pages about problem codes, request fields, settings and exit codes, for `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import Exit
from franc_gitops.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.kinds.fields import Field, Rule

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
    Exit.WRITE_BACK: "Everything is published, but status files could not be written, or not "
    "pushed to the branch that they belong to. The next `publish` does it.",
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


class Configured(NamedTuple):
    """The value rules that count, and where they come from."""

    rules: Mapping[str, Rule] = {}
    origin: str = ""


NO_RULES = Configured()


def pages(configured: Configured = NO_RULES) -> Iterator[Page]:
    """Give every page, in the order of the overview."""
    yield from _code_pages()
    yield from _field_pages(configured)
    yield from _setting_pages()
    yield from _kafka_pages()
    yield Page(EXIT_CODES, "what the exit code says", "", exit_table())


def find(word: str, configured: Configured = NO_RULES) -> list[Page]:
    """Give the pages about a word, whatever its case; a field may have one for each type."""
    wanted = word.lower()
    return [page for page in pages(configured) if page.word.lower() == wanted]


def may_have_rule(word: str) -> bool:
    """Tell whether a word is a field that value rules can be about."""
    from franc_gitops.kinds import configurable

    return any(name.rpartition(".")[2] == word.lower() for name in configurable())


def exit_table(*only: int) -> str:
    """List exit codes, all or some, one a line."""
    meanings = {**{int(code): text for code, text in EXITS.items()}, **OTHER_EXITS}
    chosen = only or tuple(meanings)
    return "\n".join(f"{code:>3}  {meanings[code]}" for code in chosen)


def _code_pages() -> Iterator[Page]:
    for entry in CODES.values():
        severity = f" ({entry.severity})" if entry.severity == "warning" else ""
        yield Page(entry.code, f"{entry.title}{severity}", entry.explanation, entry.example)


def _field_pages(configured: Configured) -> Iterator[Page]:
    from franc_gitops.kinds import all_kinds, rules_of
    from franc_gitops.kinds.common import COMMON

    for common in COMMON:
        yield from _pages_of_field(common, "a field of every request", configured)
    for kind in all_kinds():
        own = configured._replace(rules=rules_of(kind, configured.rules))
        names = ", ".join(field.name for field in kind.fields)
        text = f"{kind.meaning} Its fields: {names}.{''.join(map(_describe_claim, kind.claims))}"
        yield Page(kind.type, "a type of request", text)
        for field in kind.own:
            yield from _pages_of_field(field, f"a field of {kind.type}", own)


def _describe_claim(names: Sequence[str]) -> str:
    return f" While it is open, no other request may have the same {' and '.join(names)}: FRN302."


def _pages_of_field(
    field: Field, what: str, configured: Configured, path: str = ""
) -> Iterator[Page]:
    """Give the page of a field, and those of the members of its rows."""
    path += field.name
    presence = "It is required." if field.required else "It may be left out."
    text = f"{field.meaning} {presence}{_describe_rule(field, path, configured)}"
    yield Page(field.name, what, text, _example(field, configured.rules.get(path)))
    for member in getattr(field, "members", ()):
        where = f"{what}, in each of its {field.name}"
        yield from _pages_of_field(member, where, configured, f"{path}.")


def _describe_rule(field: Field, path: str, configured: Configured) -> str:
    rule = configured.rules.get(path)
    if isinstance(rule, tuple):
        return f" Allowed by `rules` ({configured.origin}): {', '.join(rule)}."
    if rule is not None:
        return f" By `rules` ({configured.origin}) it must match as a whole: {rule.pattern}"
    allowed = getattr(field, "rule", None)
    if isinstance(allowed, tuple):
        return f" Allowed, unless `rules` in the settings say otherwise: {', '.join(allowed)}."
    return ""


def _example(field: Field, rule: Rule | None) -> str:
    """Show how the field is written, with a value that is allowed."""
    example = field.example if isinstance(field.example, str) else f"[{', '.join(field.example)}]"
    if isinstance(rule, tuple) and example not in rule:
        example = rule[0]
    elif rule is not None and not isinstance(rule, tuple) and not rule.fullmatch(example):
        return ""
    return f"{field.name}: {example}"


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
