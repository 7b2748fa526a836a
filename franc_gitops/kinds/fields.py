"""What a field of a request may hold, as data: from it come checks, JSON, schema and help.

Every field answers for a value in three ways: `compile` gives a fast yes-or-no function,
`explain` says what is wrong with a value that was not accepted, and `encoder` gives a
function that writes accepted values as JSON. Absence is the affair of the mapping around it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, cast

from franc_gitops.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from franc_gitops.model import Value

Path: TypeAlias = "tuple[str | int, ...]"
Fields: TypeAlias = "Mapping[str, Value]"


class Pattern(Protocol):
    """What a whole value must match: Python's own patterns here, RE2's from the configuration."""

    @property
    def pattern(self) -> str:
        """The pattern as it is written."""
        ...

    def fullmatch(self, value: str, /) -> object:
        """Give anything that is true if the whole value matches."""
        ...


Rule: TypeAlias = "tuple[str, ...] | Pattern"
"""The values that a field may have, or a pattern that its whole value must match."""

LONGEST = 200


class Finding(NamedTuple):
    """One thing that is wrong with a document; `at_key` places it at the key, not the value."""

    code: str
    path: Path
    message: str
    hint: str = ""
    at_key: bool = False


def _no_correction(value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text.

    `code` is the problem of a value that the rule does not allow and `expected` says in words
    what it is not. `correct` turns what people write instead into what they meant. A value
    rule from the configuration takes the place of `rule` where the field is `configurable`.
    `bounds` are those of a number, for editors that read the text as one.
    """

    name: str
    meaning: str
    example: str
    required: bool = True
    rule: Rule | None = None
    expected: str = ""
    code: str = "FRN204"
    longest: int = LONGEST
    correct: Callable[[str], str] = _no_correction
    configurable: bool = True
    bounds: tuple[int, int] | None = None

    def with_rules(self, rules: Mapping[str, Rule], path: str) -> Text:
        """Give the field with the configured rule, if there is one for its path."""
        if path not in rules or not self.configurable:
            return self
        return replace(self, rule=rules[path], expected="", code="FRN204")

    def compile(self) -> Callable[[Value], bool]:
        """Give a function that tells whether a value is right."""
        rule, longest = self.rule, self.longest
        if isinstance(rule, tuple):
            allowed = frozenset(rule)
            return lambda value: isinstance(value, str) and value in allowed
        if rule is None:
            return lambda value: isinstance(value, str) and 0 < len(value) <= longest
        matches = rule.fullmatch
        return lambda value: (
            isinstance(value, str) and 0 < len(value) <= longest and bool(matches(value))
        )

    def explain(self, value: Value, path: Path) -> Iterator[Finding]:
        """Say what is wrong with a value that is not right."""
        if not isinstance(value, str):
            hint = f"write `{self.name}: {self.example}`"
            message = f"{self.name} is text, and {shape_of(value)} stands here"
            yield Finding("FRN203", path, message, hint)
        elif not value:
            yield Finding("FRN213", path, f"{self.name} is empty", self._hint(value))
        elif len(value) > self.longest and not isinstance(self.rule, tuple):
            message = f"{self.name} has {len(value):,} characters, more than {self.longest}"
            yield Finding("FRN214", path, message)
        else:
            yield Finding(self.code, path, self._message(value), self._hint(value))

    def _message(self, value: str) -> str:
        if self.expected:
            return f"{_short(value)} is not {self.expected}"
        if isinstance(self.rule, tuple):
            return f"{_short(value)} is not an allowed {self.name}; allowed: {_listed(self.rule)}"
        pattern = self.rule.pattern if self.rule else ""
        shown = _cut(pattern, _SHOWN_PATTERN)
        return f"{_short(value)} does not match the pattern of {self.name}: {shown}"

    def _hint(self, value: str) -> str:
        if isinstance(self.rule, tuple):
            return did_you_mean(value, self.rule) or f"for example `{self.name}: {self.rule[0]}`"
        corrected = self.correct(value)
        if corrected != value and self.compile()(corrected):
            return f"did you mean {corrected}?"
        return f"for example `{self.name}: {self.example}`" if self.compile()(self.example) else ""

    def encoder(self) -> Callable[[Value], str]:
        """Give a function that writes a right value as JSON."""
        return _encode_text


@dataclass(frozen=True, slots=True)
class Names:
    """A list of different names."""

    name: str
    meaning: str
    example: tuple[str, ...]
    required: bool = True

    def with_rules(self, rules: Mapping[str, Rule], path: str) -> Names:
        """Give the field itself: names have no rules of their own."""
        del rules, path
        return self

    def compile(self) -> Callable[[Value], bool]:
        """Give a function that tells whether a value is right."""
        return lambda value: (
            isinstance(value, list) and all(isinstance(name, str) and name for name in value)
        )

    def explain(self, value: Value, path: Path) -> Iterator[Finding]:
        """Say what is wrong with a value that is not right."""
        hint = f"write `{self.name}: [{', '.join(self.example)}]`"
        if not isinstance(value, list):
            message = f"{self.name} is a list of names, and {shape_of(value)} stands here"
            yield Finding("FRN203", path, message, hint)
            return
        for index, name in enumerate(value):
            if not isinstance(name, str) or not name:
                message = f"a name belongs here, and {shape_of(name)} stands here"
                yield Finding("FRN203", (*path, index), message, hint)

    def encoder(self) -> Callable[[Value], str]:
        """Give a function that writes a right value as JSON."""
        return _encode_names


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of one or more small mappings of text; `key` is the member that is unique."""

    name: str
    meaning: str
    row: str
    members: tuple[Text, ...]
    key: str
    required: bool = True

    @property
    def example(self) -> str:
        """One row, as it is written in YAML."""
        pairs = ", ".join(f"{member.name}: {member.example}" for member in self.members)
        return f"[{{{pairs}}}]"

    def with_rules(self, rules: Mapping[str, Rule], path: str) -> Rows:
        """Give the field with the configured rules for its members."""
        members = [member.with_rules(rules, f"{path}.{member.name}") for member in self.members]
        return replace(self, members=tuple(members))

    def compile(self) -> Callable[[Value], bool]:
        """Give a function that tells whether a value is right."""
        accepts = accept_mapping(self.members)
        key = self.key

        def accept_rows(value: Value) -> bool:
            if not isinstance(value, list) or not value:
                return False
            keys = set()
            for row in value:
                if not isinstance(row, dict) or not accepts(row):
                    return False
                keys.add(row[key])
            return len(keys) == len(value)

        return accept_rows

    def explain(self, value: Value, path: Path) -> Iterator[Finding]:
        """Say what is wrong with a value that is not right."""
        hint = f"begin each {self.row} on a line of its own: `- {self.example[1:-1]}`"
        if not isinstance(value, list):
            message = f"{self.name} is a list, and {shape_of(value)} stands here"
            yield Finding("FRN203", path, message, hint)
        elif not value:
            yield Finding("FRN213", path, f"{self.name} is empty", hint)
        else:
            for index, row in enumerate(value):
                if isinstance(row, dict):
                    yield from explain_mapping(self.members, row, (*path, index), self.row)
                else:
                    message = f"{_a(self.row)} is a mapping, and {shape_of(row)} stands here"
                    yield Finding("FRN203", (*path, index), message, hint)
            yield from self._explain_repeated(value, path)

    def _explain_repeated(self, rows: list[Value], path: Path) -> Iterator[Finding]:
        first: dict[str, int] = {}
        for index, row in enumerate(rows):
            name = row.get(self.key) if isinstance(row, dict) else None
            if isinstance(name, str) and first.setdefault(name, index) != index:
                where = f"{self.name}[{first[name]}]"
                message = f"{self.row} {_short(name)} stands twice, first in {where}"
                yield Finding("FRN211", (*path, index, self.key), message, "delete one of the two")

    def encoder(self) -> Callable[[Value], str]:
        """Give a function that writes a right value as JSON."""
        encode = encode_mapping(self.members)

        def encode_rows(value: Value) -> str:
            rows = value if isinstance(value, list) else []
            return f"[{','.join([f'{{{encode(row)}}}' for row in rows if isinstance(row, dict)])}]"

        return encode_rows


Field: TypeAlias = Text | Names | Rows


def accept_mapping(fields: Sequence[Field]) -> Callable[[Fields], bool]:
    """Give a function that tells whether a mapping has the fields it must and no other."""
    accepts = {field.name: _accept_member(field) for field in fields}
    required = frozenset(field.name for field in fields if field.required)

    def accept(mapping: Fields) -> bool:
        try:
            for name, value in mapping.items():
                if not accepts[name](value):
                    return False
        except (KeyError, TypeError):  # an unknown field; a list where a set of texts is asked
            return False
        return required.issubset(mapping)

    return accept


def _accept_member(field: Field) -> Callable[[Value], bool]:
    """Give a function that tells whether a member is right; a TypeError means no."""
    accepts = field.compile()
    if isinstance(field, Text) and isinstance(field.rule, tuple):
        accepts = frozenset(field.rule).__contains__
    if field.required:
        return accepts
    return lambda value: value is None or accepts(value)


def explain_mapping(
    fields: Sequence[Field], mapping: Fields, path: Path, what: str
) -> Iterator[Finding]:
    """Say what is wrong with a mapping that is not accepted: fields missing, wrong, unknown."""
    for field in fields:
        value = mapping.get(field.name)
        here = (*path, field.name)
        if value is None:
            if field.required:
                message = f"{_a(what)} needs {field.name}"
                hint = f"add `{field.name}: {field.example}`"
                yield Finding("FRN201", here, message, hint, at_key=True)
        elif not field.compile()(value):
            yield from field.explain(value, here)
    known = [field.name for field in fields]
    for name in mapping:
        if name not in known:
            hint = did_you_mean(name.lower(), known) or f"{_a(what)} has {_listed(known)}"
            message = f"{_a(what)} has no field {_short(name)}"
            yield Finding("FRN202", (*path, name), message, hint, at_key=True)


def encode_mapping(fields: Sequence[Field]) -> Callable[[Fields], str]:
    """Give a function that writes the members of a JSON object, without braces, in this order."""
    template = ",".join(f'"{field.name}":%s' for field in fields)
    if all(isinstance(field, Text) for field in fields):
        return _encode_texts(template, [field.name for field in fields])
    encoders = [(field.name, field.encoder()) for field in fields]

    def encode(mapping: Fields) -> str:
        get = mapping.get
        return template % tuple([encoder(get(name)) for name, encoder in encoders])

    return encode


def _encode_texts(template: str, names: Sequence[str]) -> Callable[[Fields], str]:
    """Give the same for fields that are all text, without a call for each."""

    def encode(mapping: Fields) -> str:
        get = cast("Mapping[str, str | None]", mapping).get
        return template % tuple(
            [quote(text) if (text := get(name)) is not None else "null" for name in names]
        )

    return encode


def _encode_text(value: Value) -> str:
    return quote(value) if isinstance(value, str) else "null"


def _encode_names(value: Value) -> str:
    names = value if isinstance(value, list) else []
    return f"[{','.join(map(_encode_text, names))}]"


def shape_of(value: Value) -> str:
    """Name what stands somewhere in words that fit after “and”."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return "text" if value else "nothing"


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _short(value: str) -> str:
    return f"`{_cut(value, _SHOWN)}`"


def _cut(text: str, longest: int) -> str:
    """Cut what is repeated in every message: a status file keeps each of them."""
    return text if len(text) <= longest else f"{text[:longest]}…"


_SHOWN = 60
_SHOWN_PATTERN = 200


def _listed(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(_cut(name, _SHOWN) for name in names[:_LISTED]) + more


_LISTED = 12
