"""Open requests: neither finished nor withdrawn, and what each of them claims.

In: the plan's actions, and what the ledger calls unfinished, read from the content that was
published. Out: `OpenRequest`s for `conflicts.py`. Finished requests claim nothing, so none of
them is read; with `completion: accept` whatever is published is finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops import kinds
from franc_gitops.kinds.claims import claims_of
from franc_gitops.kinds.fields import Finding
from franc_gitops.model import Phase, SourceFile
from franc_gitops.pipeline.actions import Kind
from franc_gitops.pipeline.load import load_file
from franc_gitops.pipeline.places import Places
from franc_gitops.strict_yaml import field_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from franc_gitops.kinds.claims import Claim
    from franc_gitops.ledger import Comparison, Ledger, LedgerEntry
    from franc_gitops.model import Document, Place, Request
    from franc_gitops.pipeline.actions import Action, Situation
    from franc_gitops.pipeline.validate import Reader


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """One content of an open request: what is published, or what is to be.

    `claims` are all that it claims and `kept` those of them that the request had before, by
    what is published of it: nobody may take them away. `blob` and `document` tell the content.
    """

    request_id: str
    type: str
    path: str
    blob: str
    document: int
    place: Place
    claims: tuple[str, ...]
    kept: frozenset[str] = frozenset()


class Spot(NamedTuple):
    """Where in its file a claim is made, and by which field."""

    place: Place
    field: str


def unpublished(
    request: Request, blob: str = "", kept: frozenset[str] = frozenset()
) -> OpenRequest:
    """Give what a request of the commit claims."""
    return OpenRequest(
        request.request_id,
        request.type,
        request.path,
        blob,
        request.document,
        request.place,
        request.claims,
        kept,
    )


def open_requests(
    actions: Iterable[Action],
    situation: Situation,
    held: AbstractSet[str],
    claims: AbstractSet[str],
) -> Iterator[OpenRequest]:
    """Give what is open once the actions are carried out, except for those of `held` files.

    Of what is to be published, only what makes one of the `claims` is given.
    What an action publishes takes the place of what is published; a cancellation withdraws it.
    A request that is held because of its own edit (FRN401, 402, 405) claims nothing new.
    """
    staying = dict(situation.published)
    for action in actions:
        request = action.request
        if request is None:
            continue
        blob = situation.snapshot.files.get(request.path, "")
        if situation.tracks and _asks_for_what_is_published(request, action.entry):
            staying[action.request_id] = unpublished(request, blob, frozenset(request.claims))
        before = staying.get(action.request_id)
        if action.sends and action.path not in held:
            staying.pop(action.request_id, None)
        is_asked = action.kind is Kind.PUBLISH or action.phase is Phase.SCHEDULED
        if is_asked and not claims.isdisjoint(request.claims) and not situation.finished(request):
            yield unpublished(request, blob, before.kept if before else frozenset())
    yield from staying.values()


def _asks_for_what_is_published(request: Request, entry: LedgerEntry | None) -> bool:
    return entry is not None and not entry.phase.is_final and entry.digest == request.digest


class Claims:
    """Reads claims and their places from the content of request files."""

    def __init__(self, read: Reader) -> None:
        """Take what reads files; the content of the last few is kept."""
        self._read = read
        self._file = lru_cache(maxsize=2048)(self._read_file)

    def published(
        self, ledger: Ledger, comparison: Comparison, requests: Iterable[Request]
    ) -> dict[str, OpenRequest]:
        """Give what published requests claim that are not finished.

        Those of `requests` that ask for what is published are left out: they are at hand. So
        are those whose published content is gone, in a shallow clone or a plain folder.
        """
        at_hand = {(request.request_id, request.digest) for request in requests}
        entries = [e for e in ledger.unfinished() if (e.request_id, e.digest) not in at_hand]
        paths = _current_paths(entries, comparison)
        found = (self._open(entry, paths.get(entry.request_id, entry.path)) for entry in entries)
        return {one.request_id: one for one in found if one is not None}

    def locate(self, one: OpenRequest, claim: str) -> Spot:
        """Say where in its file an open request makes a claim."""
        file = self._file(one.path, one.blob)
        document = file.documents.get(one.document)
        for found in _claims(one.type, document):
            if document is not None and found.text == claim:
                place = file.places.find(document, Finding("", found.path, ""))
                return Spot(place, field_path(found.path))
        return at_its_beginning(one, claim)

    def _open(self, entry: LedgerEntry, path: str) -> OpenRequest | None:
        document = self._file(path, entry.blob).documents.get(entry.document)
        if document is None:
            return None
        claims = tuple(claim.text for claim in _claims(entry.type, document))
        return OpenRequest(
            entry.request_id,
            entry.type,
            path,
            entry.blob,
            entry.document,
            document.place,
            claims,
            frozenset(claims),
        )

    def _read_file(self, path: str, blob: str) -> _File:
        content = next((found for _, found in self._read([SourceFile(path, blob)])), b"")
        return _File(path, content if isinstance(content, bytes) else b"")


def _claims(name: str, document: Document | None) -> Iterator[Claim]:
    """Give the claims of a document; none of a type that is not known here."""
    kind = next((kind for kind in kinds.all_kinds() if kind.type == name), None)
    return claims_of(kind, document.fields if document else {}) if kind else iter(())


class _File:
    """The content of a request file, read only as far as it is asked about."""

    def __init__(self, path: str, data: bytes) -> None:
        self.documents: dict[int, Document] = {
            document.index: document for document in load_file(path, data).documents
        }
        self.places = Places(data)


def at_its_beginning(one: OpenRequest, claim: str) -> Spot:
    """Place a claim at the beginning of its request, for want of the content."""
    return Spot(one.place, claim.rpartition("\n")[2].partition(" ")[0])


def _current_paths(entries: Iterable[LedgerEntry], comparison: Comparison) -> dict[str, str]:
    """Say where requests stand now, if their files were moved since they were published."""
    wanted = {entry.request_id for entry in entries}
    if not wanted:
        return {}
    return {
        request_id: path
        for path, request_ids in comparison.settled.items()
        for request_id in request_ids
        if request_id in wanted
    }
