"""The strict reader: what it takes for what, what it refuses and where, and that it stays cheap."""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from franc_gitops.errors import UsageError
from franc_gitops.problems import CODES
from franc_gitops.strict_yaml import Limits, Refused, dump, examine, field_path, load, scalar

if TYPE_CHECKING:
    from franc_gitops.model import Value


def faults_of(data: bytes, limits: Limits | None = None) -> list[tuple[str, int, int, str]]:
    """Give (code, line, column, field) of every fault, after asking the fast reader too."""
    limits = limits or Limits()
    faults = examine(data, limits).faults
    assert is_loaded(data, limits) == (not faults)
    assert {fault.code for fault in faults} <= set(CODES)
    return [(f.code, *f.place, field_path(f.path)) for f in faults]


def is_loaded(data: bytes, limits: Limits) -> bool:
    """Tell whether the fast reader takes the file."""
    try:
        load(data, limits)
    except Refused:
        return False
    return True


def check_readers_agree(data: bytes, limits: Limits | None = None) -> None:
    """Hold both readers to the same language and the same values."""
    limits = limits or Limits()
    examination = examine(data, limits)
    try:
        documents = load(data, limits)
    except Refused:
        assert examination.faults
        return
    assert examination.faults == []
    assert [document.fields for document in examination.documents] == documents


# --- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["NO", "on", "010", "1:30", "11:22:33:44:55:06", "1_000", "1.10", "2024-07-09", "0x1F", ".5"],
)
def test_a_scalar_is_the_text_that_was_written(text: str) -> None:
    assert load(f"field: {text}\nlist:\n  - {text}\n".encode()) == [{"field": text, "list": [text]}]


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_plain_null_means_absent(text: str) -> None:
    assert load(f"field: {text}\n".encode()) == [{"field": None}]


@pytest.mark.parametrize("text", ['""', "''"])
def test_quoted_emptiness_is_empty_text(text: str) -> None:
    assert load(f"field: {text}\n".encode()) == [{"field": ""}]


@pytest.mark.parametrize("text", ['"null"', "'~'"])
def test_a_quoted_null_is_text(text: str) -> None:
    assert load(f"field: {text}\n".encode()) == [{"field": text[1:-1]}]


def test_several_documents_are_several_values() -> None:
    assert load(b"---\na: 1\n---\na: 2\n...\n---\na: 3\n") == [{"a": "1"}, {"a": "2"}, {"a": "3"}]


def test_windows_line_ends_change_nothing() -> None:
    unix = b"a: 1\nb:\n  - {c: 2}\n  - c: 3\n    d: 'x'\n"
    assert load(unix.replace(b"\n", b"\r\n")) == load(unix)


def test_cancel_may_have_several_lines() -> None:
    block = b"cancel: |\n  Withdrawn.\n\n  See the mail.\n"
    assert load(block) == [{"cancel": "Withdrawn.\n\nSee the mail."}]


def test_an_alias_stands_for_its_anchor() -> None:
    assert load(b"a: &x [1, 2]\nb: *x\n") == [{"a": ["1", "2"], "b": ["1", "2"]}]


# --- faults ------------------------------------------------------------------------------------

FAULTS = {
    "duplicate key": (b"a: 1\nb: 2\na: 3\n", [("FRN107", 3, 1, "a")]),
    "duplicate key in a flow mapping": (b"l:\n  - {x: 1, x: 2}\n", [("FRN107", 2, 12, "l[0].x")]),
    "duplicate key in quotes": (b"a: 1\n'a': 2\n", [("FRN107", 2, 1, "a")]),
    "tag": (b"a: !!int 1\n", [("FRN108", 1, 4, "a")]),
    "local tag": (b"a: !x 1\n", [("FRN108", 1, 4, "a")]),
    "tag on a key": (b"!!str a: 1\n", [("FRN108", 1, 1, "")]),
    "tag on a list": (b"a: !!set [1]\n", [("FRN108", 1, 4, "a")]),
    "undefined tag handle": (b"a: !e!x 1\n", [("FRN108", 1, 4, "")]),
    "merge key": (b"a: &x {b: 1}\n<<: *x\n", [("FRN109", 2, 1, "")]),
    "list as key": (b"? [a]\n: 1\n", [("FRN112", 1, 3, "")]),
    "alias as key": (b"a: &x b\n*x : 1\n", [("FRN112", 2, 1, "")]),
    "empty key": (b"'': 1\n", [("FRN112", 1, 1, "")]),
    "list at the top": (b"- a\n", [("FRN110", 1, 1, "")]),
    "text at the top": (b"hello\n", [("FRN110", 1, 1, "")]),
    "empty document": (b"a: 1\n---\n", [("FRN110", 3, 1, "")]),
    "nothing": (b"", [("FRN115", 1, 1, "")]),
    "a comment only": (b"# later\n", [("FRN115", 1, 1, "")]),
    "version directive": (b"%YAML 1.2\n---\na: 1\n", [("FRN116", 1, 1, "")]),
    "alias to nowhere": (b"a: *x\n", [("FRN117", 1, 4, "a")]),
    "alias into another document": (b"a: &x 1\n---\na: *x\n", [("FRN117", 3, 4, "a")]),
    "value that holds itself": (b"a: &x [*x]\n", [("FRN117", 1, 8, "a[0]")]),
    "value that redefines and holds itself": (
        b"b: &x 1\na: &x [*x]\n",
        [("FRN117", 2, 8, "a[0]")],
    ),
    "UTF-16": ("a: b\n".encode("utf-16-le"), [("FRN101", 1, 1, "")]),
    "UTF-16 with its mark": ("a: \u1234\n".encode("utf-16"), [("FRN101", 1, 1, "")]),
    "Latin-1": ("a: b\nc: dé\n".encode("latin-1"), [("FRN101", 2, 5, "")]),
    "byte order mark": (b"\xef\xbb\xbfa: 1\n", [("FRN102", 1, 1, "")]),
    "NUL": (b"a: 1\nb: some\x00thing\n", [("FRN103", 2, 8, "")]),
    "NUL characters in a row": (
        b"a: 1\n\0\0\0\0\nb: \0\n",
        [("FRN103", 2, 1, ""), ("FRN103", 3, 4, "")],
    ),
    "escape character in a comment": (b"a: 1 # \x1b[2K\n", [("FRN103", 1, 8, "")]),
    "delete": (b"a: x\x7f\n", [("FRN103", 1, 5, "")]),
    "next line": ("a: ü\u0085b\n".encode(), [("FRN103", 1, 5, "")]),
    "line separator": ("a: x\u2028b: 1\n".encode(), [("FRN103", 1, 5, "")]),
    "paragraph separator": ("# x\u2029b: 1\na: 1\n".encode(), [("FRN103", 1, 4, "")]),
    "lone carriage return": (b"a: x # y\rtype: z\n", [("FRN103", 1, 9, "")]),
    "escaped NUL": (b'a: "x\\0y"\n', [("FRN113", 1, 4, "a")]),
    "escaped line separator": (b'a: "x\\Ly"\n', [("FRN113", 1, 4, "a")]),
    "tab in a value": (b"a: x\ty\n", [("FRN113", 1, 5, "a")]),
    "line break in a value": (b"a: |\n  x\n  y\n", [("FRN113", 1, 4, "a")]),
    "line break through an alias": (
        b"cancel: &x |\n  y\n  z\na: *x\n",
        [("FRN113", 4, 4, "a")],
    ),
    "tab in cancel": (b'cancel: "x\\ty"\n', [("FRN113", 1, 9, "cancel")]),
    "zero-width space": ("a: Zü\u200brich\n".encode(), [("FRN113", 1, 6, "a")]),
    "zero-width space in a key": ("a\u200b: x\n".encode(), [("FRN113", 1, 2, "a")]),
    "byte order mark inside": ("a: x\ufeffy\n".encode(), [("FRN113", 1, 5, "a")]),
    "soft hyphen": ("a: x\xady\n".encode(), [("FRN113", 1, 5, "a")]),
    "tag character": ("a: x\U000e0041\n".encode(), [("FRN113", 1, 5, "a")]),
    "right-to-left override": ("a: 'x\u202ey'\n".encode(), [("FRN113", 1, 6, "a")]),
    "override in a comment": ("a: 1 # \u202e\n".encode(), [("FRN113", 1, 8, "")]),
    "leading space": (b"a: ' x'\n", [("FRN114", 1, 4, "a")]),
    "trailing space": (b'a: "x "\n', [("FRN114", 1, 4, "a")]),
    "trailing wide space": ("a: x\u3000\n".encode(), [("FRN114", 1, 4, "a")]),
    "space around a key": (b"' a': x\n", [("FRN114", 1, 1, "a")]),
    "unclosed bracket": (b"a: [1, 2\nb: 3\n", [("FRN111", 2, 2, "")]),
    "second colon": (b"a: 1\nb: c: d\n", [("FRN111", 2, 5, "")]),
    "tab as indentation": (b"a:\n\t- b: 1\n", [("FRN111", 2, 1, "")]),
    "missing colon": (b"a: 1\nlocation NYC\nb: 2\n", [("FRN111", 2, 1, "")]),
}


@pytest.mark.parametrize(
    "data", [b"a:\n\t- b: 1\n", b"rules:\n\tlocation: [A]\n", "ä: ü\nb:\n  \t- 1\n".encode()]
)
def test_a_tab_that_indents_is_called_a_tab(data: bytes) -> None:
    [fault] = examine(data).faults
    assert (fault.code, fault.hint) == ("FRN111", "indent with spaces")
    assert fault.message == "a tab stands where indentation is expected"


def test_another_character_that_begins_no_value_is_no_tab() -> None:
    [fault] = examine(b"a: @b\n").faults
    assert "tab" not in f"{fault.message} {fault.hint}"


@pytest.mark.parametrize(("data", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_place(
    data: bytes, expected: list[tuple[str, int, int, str]]
) -> None:
    assert faults_of(data) == expected


def test_all_faults_of_a_file_are_found_in_one_go() -> None:
    data = b"a: 1\na: 2\nb: ' x'\nc: !!int 3\nd: [*e]\n"
    codes = [code for code, *_ in faults_of(data)]
    assert codes == ["FRN107", "FRN114", "FRN108", "FRN117"]


def test_a_syntax_error_does_not_hide_what_came_before() -> None:
    assert [code for code, *_ in faults_of(b"a: 1\na: 2\nb: [\n")] == ["FRN107", "FRN111"]


def test_columns_count_characters() -> None:
    assert faults_of("{ü: 😀, ü: 2}\n".encode()) == [("FRN107", 1, 8, "ü")]


def test_lines_count_alike_in_windows_files() -> None:
    assert faults_of(b"a: 1\r\nb: 2\r\na: 3\r\n") == [("FRN107", 3, 1, "a")]


def test_a_duplicate_says_where_the_first_one_is() -> None:
    assert "first in line 2" in examine(b"b: 1\na: 1\na: 2\n").faults[0].message


def test_a_faulty_value_is_given_as_it_was_probably_meant() -> None:
    fields = examine("a: ' NYC\u200b Building\t A '\n".encode()).documents[0].fields
    assert fields == {"a": "NYC Building A"}


def test_what_a_merge_would_bring_is_not_missed_as_well() -> None:
    examination = examine(b"x: &x {a: 1, b: 2}\n<<: *x\nb: 3\n")
    assert examination.documents[0].fields == {"x": {"a": "1", "b": "2"}, "a": "1", "b": "3"}


def test_faults_are_counted_only_so_far() -> None:
    assert len(examine(b"a: 1\n" * 5000).faults) == Limits().faults
    assert len(examine(b"\x01a" * 5000).faults) == Limits().faults
    assert len(examine(b"%\n" * 5000).faults) == Limits().faults
    assert len(examine(("# \u202e\n" * 5000 + "a: 1\n").encode()).faults) == Limits().faults


# --- places ------------------------------------------------------------------------------------


def test_every_key_and_value_has_a_place() -> None:
    data = b"# x\na: 1\nl:\n  - {x: 1, y: 2}\n  - x: 3\n---\nb: 2\n"
    first, second = examine(data).documents
    assert first.key_place(("l",)) == (3, 1)
    assert first.value_place(("l", 0, "y")) == (4, 15)
    assert first.key_place(("l", 1, "x")) == (5, 5)
    assert (second.place, second.value_place(("b",))) == ((7, 1), (7, 4))


def test_what_is_not_there_has_the_place_of_what_is_around_it() -> None:
    document = examine(b"a: 1\nl:\n  - x: 1\n").documents[0]
    assert document.key_place(("l", 0, "y")) == (3, 5)
    assert document.value_place(("z",)) == (1, 1)


# --- libyaml ----------------------------------------------------------------------------------


def test_a_missing_libyaml_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml._yaml", None)
    assert load(b"plain: files need no parser\n")
    with pytest.raises(UsageError, match="without libyaml") as caught:
        load(b"a: {b: c}\n")
    assert "pip install" in caught.value.hint


# --- limits ------------------------------------------------------------------------------------

MIB = 1 << 20
HOSTILE = {
    "nested lists": (b"[" * 200_000, "FRN105"),
    "nested mappings": (b"a: " + b"{a: " * 200_000, "FRN105"),
    "nested blocks": (b"- " * 200_000, "FRN105"),
    "nested keys": (b"? " * 200_000, "FRN105 FRN112"),
    "billion laughs": (
        b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b"*a%d, " % (i - 1) * 10) for i in range(1, 10)),
        "FRN106",
    ),
    "many aliases": (b"a: &a 1\nl: [" + b"*a," * 200 + b"]\n", "FRN106"),
    "many values": (b"l: [" + b"a," * 101_000 + b"]\n", "FRN106"),
    "many keys": (b"".join(b"k%d: 1\n" % i for i in range(60_000)), "FRN106"),
    "large": (b"a: " + b"x" * MIB, "FRN104"),
    "one long line": (b"a: '" + b"x" * (MIB - 10) + b"\n", "FRN111"),
    "many directives": (b"%TAG !a! tag:x\n" * 60_000 + b"---\na: 1\n", "FRN116"),
    "many comments": (b"#\n" * 500_000, "FRN115"),
    "many documents": (b"---\n" * 250_000, "FRN110"),
    "many tags": (b"a: [" + b"!x a," * 100_000, "FRN108"),
    "many anchors": (b"l: [" + b"&a a," * 200_000, "FRN106"),
    "zeros": (bytes(MIB), "FRN101"),
    "unclosed flow lines": (b"a: [\n" + b"b: c,\n" * 150_000, "FRN106"),
    "long keys": (b"? " + b"k" * 500_000 + b"\n", ""),
}


@pytest.mark.parametrize(("data", "code"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_cost_little(data: bytes, code: str) -> None:
    """Each within seconds, by both readers; most stop in milliseconds."""
    began = time.process_time()
    assert {found for found, *_ in faults_of(data)} == set(code.split())
    assert time.process_time() - began < 10


@pytest.mark.parametrize("name", ["billion laughs", "nested lists", "zeros", "many values"])
def test_hostile_files_take_little_memory(name: str) -> None:
    tracemalloc.start()
    faults_of(HOSTILE[name][0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80 * MIB


def test_limits_can_be_set() -> None:
    assert faults_of(b"a: {b: {c: 1}}\n", Limits(depth=2)) == [("FRN105", 1, 8, "a.b")]
    assert faults_of(b"a: 1\nb: 2\n", Limits(nodes=4)) == [("FRN106", 2, 4, "b")]
    assert faults_of(b"a: 1\n", Limits(size=4)) == [("FRN104", 1, 1, "")]
    assert faults_of(b"a: &x 1\nb: *x\n", Limits(aliases=0)) == [("FRN106", 2, 4, "b")]


# --- both readers, one language ----------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *"\n\n\n  -:,#{}[]\"'&*!|>%?@`~\\\t\r.xé\u200b\u202e\x07\x85\ufeff",
        *["\n  ", "\n- ", "\n  - ", ": ", ": \n", "a: ", "b: ", "\na: ", "\nb: ", "\n---\n"],
        *["{a: b}", "[a, b]", "{a: b, c: d}", "\n  - {a: b, c: d}", "\n  - a: b\n    c: d\n"],
        *["null", "~", " # x", "cancel: |\n  x\n", "<<", "&a ", "*a", '"x"', "'y'", "''", "\\n"],
        *["10 Gbit", "Gi0/1", "a,b", "a:b", "x-y", "2024-07-09T14:25:30Z", "\r\n", "\n# c\n"],
    ]
)
PLAIN_LINES = st.sampled_from(
    [
        *["type: x", "a: 1", "b:", "c: null", "d: 10 Gbit # fast", "e: [a, b]", 'f: "g h"', "---"],
        *["i:", "  - {a: b, c: null}", "  - a: b", "    c: d", "    e:", "  - a: b # c", "- a: b"],
        *["", "# x", "   # x", "  c: d", "      c: d", "a: b: c", "- {a: b, a: c}", "g: a,b  c"],
        *["t: 2024-07-09T14:25:30+02:00", "u: a:b", "v: ''", "w: 'x'", "   - {a: b}", 'x: "y"#z'],
        *["y: x#z", "z: x ", "a: [a, a: b]", "a: [null]", "  - {a: b }", "  - {a: b,c}", "a:b"],
        *["  - {a: b, c: d} # e", "  - a", "  -", "  - ", "  -  a: b", "...", "null: a", "A_1: b"],
    ]
)


ALMOST_PLAIN = [
    "i:\n  - {a: b}\n   - {a: c}\n",
    "i:\n  - a: b\n   - a: c\n",
    "i:\n  - a: b\n     c: d\n",
    "i:\n  - a: b\n   c: d\n",
    "i:\n  - a: b\n  c: d\n",
    "i:\n  - {a: b}\n    c: d\n",
    "i:\n  - a:\n      c: d\n",
    "i:\n  - a: b\n    a: c\n",
    "i:\n  - {a: null, b: NULL}\n",
    "i:\n  - a: null\n    b:\n",
    "i:\n- a: b\nj: c\n",
    "i: x\n  - a: b\n",
    "i: [null, a]\n",
    "i:\n\n  - {a: b}\n\n  - a: b\n\nj: c\n",
    "a: b\n  c\n",
    "a: b\n---\n# c\n",
    "# a\n---\nb: c",
    f"{'k' * 1025}: a\n",
    f"i:\n  - {{{'k' * 1025}: a}}\n",
    f"i:\n  - {'k' * 1025}: a\n",
]


@pytest.mark.parametrize("text", ALMOST_PLAIN)
def test_both_readers_accept_the_same_near_the_short_way(text: str) -> None:
    check_readers_agree(text.encode())


@given(st.lists(PIECES, max_size=24).map("".join))
@settings(max_examples=600)
def test_both_readers_accept_the_same_text(text: str) -> None:
    check_readers_agree(text.encode())


@given(st.lists(PLAIN_LINES, max_size=9).map("\n".join))
@settings(max_examples=600)
def test_both_readers_accept_the_same_plain_lines(text: str) -> None:
    check_readers_agree(text.encode())


@given(st.binary(max_size=64))
@settings(max_examples=300)
def test_both_readers_accept_the_same_bytes(data: bytes) -> None:
    check_readers_agree(data)


@given(
    st.lists(PIECES, max_size=20).map("".join),
    st.builds(
        Limits,
        size=st.integers(0, 60),
        depth=st.integers(0, 4),
        nodes=st.integers(0, 20),
        aliases=st.integers(0, 2),
        faults=st.integers(1, 3),
    ),
)
@settings(max_examples=500)
def test_both_readers_keep_the_same_limits(text: str, limits: Limits) -> None:
    check_readers_agree(text.encode(), limits)


# --- dump --------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        *[
            "",
            "no",
            "Yes",
            "~",
            "null",
            "010",
            "1:30",
            "1e3",
            ".5",
            "0x1F",
            "2024-07-09",
            "=",
            "<<",
        ],
        *["- a", "a: b", "a #b", "10 Gbit", "a,b", "[a]", "NaN", "inf", "y", "1_000", "sha256:0a"],
    ]
)
CLEAN = TEXT.filter(lambda text: text.isprintable() and text == text.strip())
TREE = st.recursive(
    st.none() | CLEAN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CLEAN, inner, max_size=3),
    max_leaves=12,
)


def read_with_library(text: str) -> object:
    """Read as other programs do, with types guessed as in YAML 1.1."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


@given(st.dictionaries(CLEAN.filter(bool), TREE, max_size=4))
@settings(max_examples=200)
def test_a_dump_is_read_back_by_the_library_as_it_was(value: dict[str, Value]) -> None:
    assert read_with_library(dump(value)) == value


@given(st.dictionaries(st.sampled_from(["a", "b", "no", "10"]), TREE, max_size=4))
@settings(max_examples=200)
def test_a_dump_is_strict_yaml(value: dict[str, Value]) -> None:
    examination = examine(dump(value).encode())
    assert {fault.code for fault in examination.faults} <= {"FRN109", "FRN112", "FRN113", "FRN105"}
    if value and not examination.faults:
        assert load(dump(value).encode()) == [value]


@given(TEXT)
def test_a_scalar_hides_nothing(text: str) -> None:
    for block in (True, False):
        written = scalar(text, block=block)
        assert read_with_library(written if block else f"[{written}]") == (
            text if block else [text]
        )
        assert not {"\u202e", "\u200b", "\x85", "\u2028", "\ufeff", "\n"} & set(written)


def test_numbers_and_booleans_are_plain() -> None:
    assert dump({"a": 1, "b": 0.0, "c": True, "d": None}) == "a: 1\nb: 0.0\nc: true\nd: null\n"


def test_keys_keep_their_order_and_small_collections_their_line() -> None:
    value = {"b": {"x": 1}, "a": [{"k": "1 Gbit", "x": []}, {"z": [{"q": "no"}]}], "e": []}
    expected = 'b: {x: 1}\na:\n  - {k: 1 Gbit, x: []}\n  - z:\n      - {q: "no"}\ne: []\n'
    assert dump(value) == expected


def test_what_yaml_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        dump({"a": {1, 2}})
