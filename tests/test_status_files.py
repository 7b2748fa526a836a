"""The form of status files: the same bytes from any publisher, the same values to any reader."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from franc_gitops.model import Phase
from franc_gitops.status_files import HEADER, is_of, render

EVENT = {
    "event_type": "device_connection",
    "event_id": "conn_CHG-2024-001234_20240709_101112",
    "topic": "franc.device.connection",
    "partition": 3,
    "offset": 41,
    "timestamp": "2024-07-09T10:11:12.000000Z",
}
TASK = {
    "status": "completed",
    "progress_percentage": 100,
    "status_message": "Validated; done",
    "completion_status": "completed",
    "completion_message": "Done: at last",
    "result_data": {"validated": True, "path": "requests/a.yaml", "list": [1, "two", None]},
    "error_details": None,
    "execution_duration": 0.0,
}
ENTRY = {
    "request_id": "device_conn_CHG-2024-001234",
    "type": "device_connection",
    "change_number": "CHG-2024-001234",
    "revision": 1,
    "phase": "Completed",
    "message": "Done: at last",
    "commit": "1e5" + "0" * 37,
    "digest": "sha256:" + "0f" * 32,
    "log": "kafka:MkU3OEVBNTcwNTJENDM2Qk",
    "events": [EVENT],
    "task": TASK,
}
PROBLEM = {
    "code": "FRN250",
    "line": 7,
    "column": 3,
    "field": "interfaces[0].vpc_group",
    "message": 'the vPC group "vPC-1" has one member',
    "hint": "",
}

EXPECTED = """\
# Written by franc-gitops. Do not edit: it is rebuilt from the ledger.
file: requests/2024/a.yaml
phase: Completed
requests:
  - request_id: device_conn_CHG-2024-001234
    type: device_connection
    change_number: CHG-2024-001234
    revision: 1
    phase: Completed
    message: "Done: at last"
    commit: "1e50000000000000000000000000000000000000"
    digest: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
    log: kafka:MkU3OEVBNTcwNTJENDM2Qk
    events:
      - {event_type: device_connection, event_id: conn_CHG-2024-001234_20240709_101112, \
topic: franc.device.connection, partition: 3, offset: 41, timestamp: "2024-07-09T10:11:12.000000Z"}
    task: {status: completed, progress_percentage: 100, status_message: "Validated; done", \
completion_status: completed, completion_message: "Done: at last", \
result_data: {validated: true, path: requests/a.yaml, list: [1, two, null]}, \
error_details: null, execution_duration: 0.0}
problems:
  - {code: FRN250, line: 7, column: 3, field: "interfaces[0].vpc_group", \
message: "the vPC group \\"vPC-1\\" has one member", hint: ""}
"""


def test_a_status_file_has_the_form_of_the_contract() -> None:
    content = render("requests/2024/a.yaml", Phase.COMPLETED, [ENTRY], [PROBLEM])
    assert content.decode() == EXPECTED


def test_a_file_without_requests_or_problems() -> None:
    content = render("requests/a.yaml", Phase.REJECTED, [], [])
    assert content.decode() == (
        f"{HEADER}file: requests/a.yaml\nphase: Rejected\nrequests: []\nproblems: []\n"
    )


def test_an_entry_without_events_or_task() -> None:
    entry = ENTRY | {"events": [], "task": None, "commit": None}
    content = render("requests/a.yaml", Phase.PENDING, [entry, entry], [])
    assert b"\n    events: []\n    task: null\n  - request_id:" in content
    assert yaml.safe_load(content)["requests"] == [entry, entry]


def test_every_reader_finds_the_values_that_were_meant() -> None:
    content = render("requests/a.yaml", Phase.COMPLETED, [ENTRY], [PROBLEM])
    assert yaml.safe_load(content) == {
        "file": "requests/a.yaml",
        "phase": "Completed",
        "requests": [ENTRY],
        "problems": [PROBLEM],
    }


@pytest.mark.parametrize(
    "text",
    ["NO", "on", "010", "1:30", "1_000", "1.10", "2024-07-09", "~", "", "null", "0x1f", "1e5", ".5",
     "<<", "=", "- a", "a: b", "a #b", "{a", "[a", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a",
     '"', "\\", "\n", "a\nb", "\t", " a", "a ", "\x85", "\u2028", "\ufeff", "\x00", "📡", "ü", "?",
     "'", "---", "...", "a,b", "a]b", "nan", ".inf", "-1", "+1", "0o7", "true", "Yes", "y",
     "\u202e"],
)  # fmt: skip
def test_text_stays_text_wherever_it_stands(text: str) -> None:
    check_round_trip(text)


@given(st.text())
def test_any_text_stays_as_it_is(text: str) -> None:
    check_round_trip(text)


def check_round_trip(text: str) -> None:
    path = f"requests/{text}.yaml"
    data = {text: text, "nested": {text: [text]}}
    entry = ENTRY | {"message": text, "task": TASK | {"result_data": data}}
    content = render(path, Phase.COMPLETED, [entry], [PROBLEM | {"message": text}])
    found: Any = yaml.safe_load(content)
    assert found["file"] == path
    assert found["requests"] == [entry]
    assert found["problems"][0]["message"] == text
    assert len(content.splitlines()) == len(EXPECTED.encode().splitlines())


def test_half_a_character_from_a_workers_json_is_no_crash() -> None:
    entry = ENTRY | {"message": "half \ud83d of one"}
    content = render("requests/a.yaml", Phase.COMPLETED, [entry], [])
    assert yaml.safe_load(content)["requests"][0]["message"] == "half ? of one"


def test_a_status_file_is_known_by_its_first_lines() -> None:
    content = render("requests/a.yaml", Phase.REJECTED, [], [])
    assert is_of(content, "requests/a.yaml")
    assert not is_of(content, "requests/prod/a.yaml"), "another environment's"
    assert not is_of(content, "requests/a.yam")
    assert not is_of(b"", "requests/a.yaml")
    assert not is_of(b"# Written by hand\n", "requests/a.yaml")
    assert not is_of(b"\n" + content, "requests/a.yaml")
