"""What a scalar may be: which words mean absent, which characters may stand where.

The classes are written out instead of asking `unicodedata`, so that every Python version
accepts the same files. Sources: YAML 1.2.2 `c-printable`, Unicode 16 properties
Bidi_Control and Default_Ignorable_Code_Point.
"""

from __future__ import annotations

import re

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""The plain scalars that mean absent (YAML 1.2 core schema)."""

MERGE = "<<"

MULTILINE_KEYS = frozenset({"cancel"})
"""The fields whose text may hold line breaks."""

UNREADABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|\r(?!\n)",
)
"""What no file may hold, comments included.

Beyond what YAML forbids: U+0085, U+2028, U+2029 and a lone carriage return, which are line
breaks for YAML 1.1 readers and none for YAML 1.2 readers or editors.
"""

BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What reorders the text that a reviewer sees; refused in comments too (CVE-2021-42574)."""

_INVISIBLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
HIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_INVISIBLE}\ufffe\uffff]")
"""What no key or value may hold; line breaks of MULTILINE_KEYS are set aside before."""

DIRECTIVE = re.compile("^%", re.MULTILINE)
"""A line that begins so is a directive, or looks like one to a reviewer."""

BYTE_ORDER_MARK = "\ufeff"

_NAMES = {
    "\x00": "a NUL character",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    "\x1b": "an escape character",
    "\x7f": "a delete character",
    "\x85": "a next-line character",
    "\xad": "a soft hyphen",
    "\u200b": "a zero-width space",
    "\u200c": "a zero-width non-joiner",
    "\u200d": "a zero-width joiner",
    "\u200e": "a left-to-right mark",
    "\u200f": "a right-to-left mark",
    "\u2028": "a line separator",
    "\u2029": "a paragraph separator",
    "\u202a": "a left-to-right embedding",
    "\u202b": "a right-to-left embedding",
    "\u202c": "a pop-directional-formatting mark",
    "\u202d": "a left-to-right override",
    "\u202e": "a right-to-left override",
    "\u2060": "a word joiner",
    "\u2066": "a left-to-right isolate",
    "\u2067": "a right-to-left isolate",
    "\u2068": "a first-strong isolate",
    "\u2069": "a pop-directional-isolate mark",
    "\ufeff": "a byte order mark",
}


def describe(character: str) -> str:
    """Name a character that cannot be seen, as in `a zero-width space (U+200B)`."""
    default = "a control character" if character < "\xa0" else "an invisible character"
    return f"{_NAMES.get(character, default)} (U+{ord(character):04X})"


def settle(key: str, text: str) -> str:
    """Give a value as it is kept: a block scalar's last line break is not part of `cancel`."""
    return text.rstrip("\n") if key in MULTILINE_KEYS else text


def visible(key: str, text: str) -> str:
    """Give the part of a settled value that must be free of HIDDEN characters."""
    return text.replace("\n", " ") if key in MULTILINE_KEYS else text


def is_clean(key: str, text: str) -> bool:
    """Tell whether the settled value of `key` may stand as it is."""
    shown = visible(key, text)
    return shown == shown.strip() and not HIDDEN.search(shown)


def cleaned(text: str) -> str:
    """Give the text that was probably meant, on one line."""
    return HIDDEN.sub("", " ".join(text.split())).strip()
