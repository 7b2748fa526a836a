"""Events are the Kafka Integration Guide's, byte for byte; headers are CloudEvents'.

`tests/examples/events` holds the guide's five examples as it prints them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from franc_gitops.events import Envelope, cancellation, event_ids, publication, timestamp
from franc_gitops.model import Event, Provenance, Request
from franc_gitops.pipeline.checks import Checks

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "tests" / "examples" / "events"
TYPES = ("device_connection", "datacenter_deployment", "pop_deployment")
TIME = datetime(2024, 7, 9, 14, 25, 30, 123456, UTC)
PROVENANCE = Provenance("1f0c" * 10, TIME, "Ada Lovelace <ada@example.com>")
ENVELOPE = Envelope()


def guide(event_type: str) -> dict[str, Any]:
    """Give the guide's example of an event."""
    found: dict[str, Any] = json.loads((GUIDE / f"{event_type}.json").read_text(encoding="utf-8"))
    return found


def guide_request(kind: str) -> Request:
    """Read the request file that asks for what the guide's example says."""
    file = ROOT / "tests" / "examples" / kind / "valid" / "guide.yaml"
    (request,), _, _ = Checks().check_file(f"requests/{file.name}", file.read_bytes())
    return request


def bodies(events: tuple[Event, ...]) -> list[dict[str, Any]]:
    """Read the events' bodies."""
    return [json.loads(event.value) for event in events]


@pytest.mark.parametrize("kind", TYPES)
def test_a_request_event_is_the_guides_byte_for_byte(kind: str) -> None:
    """The guide's own values at the guide's own time give the guide's own body, compact."""
    event = publication(guide_request(kind), PROVENANCE, ENVELOPE)[0]
    expected = json.dumps(guide(kind), ensure_ascii=False, separators=(",", ":"))
    assert event.value.decode() == expected


@pytest.mark.parametrize("kind", TYPES)
def test_status_and_completion_have_the_guides_fields_in_its_order(kind: str) -> None:
    """No field more, none less, and each of a type that the guide's example has, or null."""
    made = bodies(publication(guide_request(kind), PROVENANCE, ENVELOPE))[1:]
    for body, event_type in zip(made, ("task_status_update", "task_completion"), strict=True):
        example = guide(event_type)
        assert list(body) == list(example)
        assert body["event_type"] == event_type
        for name, value in body.items():
            assert value is None or isinstance(value, type(example[name]) | int | str | dict)


@pytest.mark.parametrize("kind", TYPES)
def test_every_event_fits_its_published_schema(kind: str) -> None:
    """What is sent, the cancellation included, is what schemas/ promises to consumers."""
    request = replace(guide_request(kind), cancel="wrong site\nsorry")
    events = publication(request, PROVENANCE, ENVELOPE)
    events += (cancellation(request, PROVENANCE, ENVELOPE, events[0].event_id),)
    for event in events:
        schema = json.loads(
            (ROOT / "schemas" / f"{event.event_type}.event.schema.json").read_text()
        )
        errors = [
            error.message for error in Draft7Validator(schema).iter_errors(json.loads(event.value))
        ]
        assert errors == []


def test_accept_claims_no_more_than_was_done() -> None:
    """The completion says that the request was validated and published, not executed."""
    _, status, done = bodies(publication(guide_request("pop_deployment"), PROVENANCE, ENVELOPE))
    assert (status["status"], status["progress_percentage"]) == ("completed", 100)
    assert done["completion_status"] == "completed"
    assert done["execution_duration"] == 0.0
    assert done["original_request_id"] == "pop_CHG-2024-001236"
    assert "1f0c1f0c1f0c" in done["completion_message"]
    assert "execution is not tracked" in done["completion_message"]


def test_headers_are_cloudevents_in_binary_mode() -> None:
    """Every attribute of contract 3, as text; the causation is the request event's id."""
    events = publication(guide_request("device_connection"), PROVENANCE, ENVELOPE)
    asked, _, done = (dict(event.headers) for event in events)
    trace = asked.pop("traceparent")
    assert asked.pop("ce_traceparent") == trace
    assert trace.startswith(b"00-")
    assert [len(part) for part in trace.split(b"-")] == [2, 32, 16, 2]
    assert asked == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": b"conn_CHG-2024-001234_20240709_142530",
        "ce_source": b"franc-portal",
        "ce_type": b"franc.device_connection.v1",
        "ce_subject": b"requests/guide.yaml",
        "ce_time": b"2024-07-09T14:25:30.123456Z",
        "ce_dataschema": b"urn:franc:schema:device_connection:1",
        "ce_partitionkey": b"CHG-2024-001234",
        "ce_sequence": b"0000010001",
        "ce_revision": b"1",
        "ce_completion": b"accept",
        "ce_correlationid": b"CHG-2024-001234",
        "ce_causationid": b"conn_CHG-2024-001234_20240709_142530",
        "ce_commit": b"1f0c" * 10,
    }
    assert done["ce_causationid"] == asked["ce_id"]
    assert asked["ce_sequence"] < dict(events[1].headers)["ce_sequence"] < done["ce_sequence"]
    assert dict(events[1].headers)["traceparent"].split(b"-")[1] == trace.split(b"-")[1]


def test_a_plain_folder_has_no_commit_to_name() -> None:
    """Outside git the header is left out and the text names no commit."""
    events = publication(guide_request("pop_deployment"), Provenance("", TIME), ENVELOPE)
    assert all("ce_commit" not in dict(event.headers) for event in events)
    assert bodies(events)[2]["result_data"]["commit"] is None


def test_events_go_to_the_guides_topics_under_the_change_number() -> None:
    """One key for all events of a change, so that they share a partition and keep their order."""
    events = publication(guide_request("device_connection"), PROVENANCE, Envelope(prefix="lab"))
    assert [event.topic for event in events] == [
        "lab.device.connection",
        "lab.task.status",
        "lab.task.completion",
    ]
    assert {event.key for event in events} == {b"CHG-2024-001234"}


def test_an_item_is_part_of_every_id() -> None:
    """Two requests of one type and change differ in request_id and event_id."""
    request = replace(guide_request("pop_deployment"), item="leaf-01", request_id="pop_X_leaf-01")
    made = bodies(publication(request, PROVENANCE, ENVELOPE))
    assert made[0]["event_id"] == "pop_CHG-2024-001236_leaf-01_20240709_142530"
    assert made[1]["request_id"] == "status_update_CHG-2024-001236_leaf-01"
    assert made[2]["request_id"] == "completion_CHG-2024-001236_leaf-01"


def test_a_taken_id_gets_the_same_suffix_every_time() -> None:
    """Only where an id would repeat one of the same change, and then on every retry alike."""
    request = guide_request("pop_deployment")
    plain = event_ids(request, timestamp(TIME), frozenset())
    marked = event_ids(request, timestamp(TIME), {plain[1]})
    assert marked == event_ids(request, timestamp(TIME), {plain[1]})
    assert all(new.startswith(f"{old}_") for old, new in zip(plain, marked, strict=True))
    assert event_ids(replace(request, revision=2), timestamp(TIME), {plain[1]}) != marked
    cancelled = event_ids(request, timestamp(TIME), {plain[1], *marked})
    assert set(cancelled).isdisjoint({*plain, *marked})


def test_who_asks_is_the_request_then_the_author_if_configured() -> None:
    """`user_id` in the file wins; the author is used only where the settings say so."""
    request = guide_request("pop_deployment")
    by_author = Envelope(user_id_from="author")
    assert bodies(publication(request, PROVENANCE, ENVELOPE))[0]["user_id"] is None
    assert bodies(publication(request, PROVENANCE, by_author))[0]["user_id"] == PROVENANCE.author
    named = replace(request, user_id='j"doe')
    assert bodies(publication(named, PROVENANCE, by_author))[0]["user_id"] == 'j"doe'


def test_times_are_utc_with_microseconds() -> None:
    """Whatever offset the commit was made at."""
    east = TIME.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert timestamp(east) == timestamp(TIME) == "2024-07-09T14:25:30.123456Z"
