"""The evidence of a change as a Markdown page and as plain data; `markdown.py` and `json.py` ask.

Nothing in a request, a name or a message becomes markup. What a page cannot show as it is, such
as control characters, stands there as an escape; the data has it as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from franc_gitops.reports.markup import code, fenced, html_code, row, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from franc_gitops.audit.evidence import Evidence, Exhibit, Publication, RequestEvidence
    from franc_gitops.model import Signature

_NO_COMMIT = "not from a commit"
_NOT_AT_HAND = "git does not have it here"


# --- data ---------------------------------------------------------------------------------------


def data(evidence: Evidence) -> dict[str, Any]:
    """Give the bundle of a change as what JSON can hold."""
    return {
        "change_number": evidence.change_number,
        "log": evidence.log_name,
        "requests": [_request_data(request) for request in evidence.requests],
    }


def _request_data(request: RequestEvidence) -> dict[str, Any]:
    names = ("request_id", "type", "revision", "phase", "message", "digest")
    return {
        **{name: request.row[name] for name in names},
        "path": request.path,
        "ledger_record": request.record,
        "publications": [_publication_data(each) for each in request.publications],
        "trail": [
            {"timestamp": time, "event_type": event_type, "status": status, "message": message}
            for time, event_type, status, message in request.trail
        ],
        "problems": [problem.as_dict() for problem in request.problems],
    }


def _publication_data(publication: Publication) -> dict[str, Any]:
    made = publication.made
    return {
        "revision": publication.revision,
        "timestamp": publication.timestamp,
        "path": publication.path,
        "request": publication.text,
        "commit": publication.commit or None,
        "author": made.author if made else None,
        "authored": made.authored if made else None,
        "committer": made.committer if made else None,
        "committed": made.committed if made else None,
        "subject": made.subject if made else None,
        "is_signed": made.is_signed if made else None,
        "signature": _signature_data(publication.signature),
        "events": [_event_data(exhibit) for exhibit in publication.exhibits],
    }


def _signature_data(signature: Signature | None) -> dict[str, str] | None:
    if signature is None:
        return None
    return {"trust": str(signature.trust), "signer": signature.signer, "key": signature.key}


def _event_data(exhibit: Exhibit) -> dict[str, Any]:
    record = exhibit.record
    headers = record.headers if record else ()
    return {
        **exhibit.event._asdict(),
        "state": exhibit.state,
        "key": record.key.decode(errors="replace") if record else None,
        "headers": {name: value.decode(errors="replace") for name, value in headers},
        "value": record.value.decode(errors="replace") if record else None,
    }


# --- page ---------------------------------------------------------------------------------------


def page(evidence: Evidence) -> Iterator[str]:
    """Write the bundle of a change."""
    yield f"# Evidence for {text(evidence.change_number)}\n\n"
    yield f"From the event log {code(evidence.log_name)} and from git.\n"
    for request in evidence.requests:
        yield from _request(request)


def _request(request: RequestEvidence) -> Iterator[str]:
    shown = request.row
    yield f"\n## {code(shown['request_id'])}\n\n"
    yield f"- type: {code(shown['type'])}\n"
    yield f"- phase: **{text(shown['phase'])}**: {text(shown['message'])}\n"
    yield f"- file: {code(request.path)}\n"
    yield f"- digest: {code(shown['digest'])}\n"
    if request.record is None:
        yield "- not published: the ledger does not know it\n"
    for publication in request.publications:
        yield from _publication(publication)
    if request.trail:
        yield "\n### Status trail\n\n| time | event | status | message |\n|---|---|---|---|\n"
        for time, event_type, status, message in request.trail:
            yield row(code(time), code(event_type), text(status), text(message))
    if request.problems:
        yield "\n### What is not as it should be\n\n"
        for problem in request.problems:
            place = code(f"{problem.path}:{problem.line}:{problem.column}")
            yield f"- {problem.severity} {problem.code} {place}: {text(problem.message)}\n"


def _publication(publication: Publication) -> Iterator[str]:
    when = f" of {code(publication.timestamp)}" if publication.timestamp else ""
    yield f"\n### Revision {text(publication.revision) or 'unknown'}{when}\n\n"
    yield from _commit(publication)
    if publication.text is None:
        yield f"\nThe request as it was asked for: {_NOT_AT_HAND}.\n"
    else:
        yield f"\n{fenced(publication.text, 'yaml')}"
    if publication.exhibits:
        yield "\n| event | id | place | time | at its place |\n|---|---|---|---|---|\n"
        for event, state, _ in publication.exhibits:
            place = code(f"{event.topic} {event.partition}@{event.offset}")
            cells = (code(event.event_type), code(event.event_id), place, code(event.timestamp))
            yield row(*cells, text(state))
        yield from map(_body, publication.exhibits)


def _commit(publication: Publication) -> Iterator[str]:
    yield f"- commit: {code(publication.commit) or _NO_COMMIT}\n"
    if publication.path:
        yield f"- file: {code(publication.path)}\n"
    made = publication.made
    if made is None:
        yield f"- author, committer, signature: {_NOT_AT_HAND}\n" if publication.commit else ""
        return
    yield f"- subject: {text(made.subject)}\n"
    yield f"- author: {code(made.author)} {code(made.authored)}\n"
    yield f"- committer: {code(made.committer)} {code(made.committed)}\n"
    yield f"- signature: {_signature(publication.signature, is_signed=made.is_signed)}\n"


def _signature(signature: Signature | None, *, is_signed: bool) -> str:
    if signature is None:
        return "not verified, because no trusted keys are named" if is_signed else "none"
    signer = f", {code(signature.signer)}" if signature.signer else ""
    key = f", key {code(signature.key)}" if signature.key else ""
    return f"**{text(str(signature.trust))}**{signer}{key}"


def _body(exhibit: Exhibit) -> str:
    record = exhibit.record
    if record is None:
        return ""
    headers = "".join(
        f"{name}: {value.decode(errors='replace')}\n" for name, value in record.headers
    )
    shown = fenced(f"{headers}\n{record.value.decode(errors='replace')}")
    summary = html_code(exhibit.event.event_id)
    return f"\n<details><summary>{summary}</summary>\n\n{shown}\n</details>\n"
