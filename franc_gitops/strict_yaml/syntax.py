"""What libyaml says, in words that help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.model import START, Place
from franc_gitops.strict_yaml.places import Fault

if TYPE_CHECKING:
    from yaml import YAMLError

_QUOTE = "put the value in double quotes"
_COMMAS = "separate the entries with `, ` and close the bracket"

_WORDS = {
    "mapping values are not allowed in this context": (
        "a second `: ` stands on this line, or the line is indented wrongly",
        f"{_QUOTE} if `: ` is part of it, else check the indentation and the line above",
    ),
    "could not find expected ':'": ("a `:` is missing on this line", "write `field: value`"),
    "did not find expected key": (
        "this line does not fit the lines above",
        "check its indentation, and quotes and brackets above it",
    ),
    "did not find expected '-' indicator": (
        "a list entry or less indentation is expected here",
        "begin each entry of a list with `- `, all indented alike",
    ),
    "block sequence entries are not allowed in this context": (
        "a list cannot begin here",
        "write it on the lines below the field's name",
    ),
    "found character that cannot start any token": (
        "a value cannot begin with this character",
        f"{_QUOTE} if it begins with @, ` or %",
    ),
    "found a tab character that violates indentation": (
        "a tab stands where indentation is expected",
        "indent with spaces",
    ),
    "found unexpected end of stream": (
        "the file ends inside a quoted value",
        "write the closing quotation mark",
    ),
    "found unknown escape character": (
        "this backslash sequence is unknown in double quotes",
        "write the value in single quotes",
    ),
    "did not find expected ',' or ']'": ("a `,` or `]` is missing", _COMMAS),
    "did not find expected ',' or '}'": ("a `,` or `}` is missing", _COMMAS),
    "did not find expected <document start>": (
        "this line does not fit the lines above",
        "check the indentation; a new document begins with a line `---`",
    ),
}

_BAD_START = "found character that cannot start any token"
_BAD_TAB = "found a tab character that violates indentation"
_BLAMES_ITS_CONTEXT = "could not find expected ':'"


def explain_syntax(error: YAMLError, text: str) -> Fault:
    """Turn a parser's error about a text into a fault."""
    problem = str(getattr(error, "problem", None) or error)
    mark = getattr(error, "problem_mark", None)
    if problem == _BLAMES_ITS_CONTEXT:
        mark = getattr(error, "context_mark", None) or mark
    if problem == _BAD_START and mark and text[mark.index : mark.index + 1] == "\t":
        problem = _BAD_TAB
    place = Place(mark.line + 1, mark.column + 1) if mark else START
    if problem == "found undefined tag handle":
        return Fault("FRN108", place, "a tag is not allowed", "delete it: every value is text")
    message, hint = _WORDS.get(problem, (problem, ""))
    return Fault("FRN111", place, message, hint)
