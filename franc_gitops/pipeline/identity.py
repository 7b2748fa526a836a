"""Who owns a request_id when several places claim it: identity is never the path.

In: the requests of unknown files, the ledger's entries, the comparison. Out: problems at
every place that must give way; a place that is published and unchanged never has to.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from franc_gitops.ledger import Comparison, LedgerEntry
    from franc_gitops.model import Problem, Request


def copy_problems(comparison: Comparison) -> Iterator[Problem]:
    """Find files that repeat a published one byte for byte."""
    for path, original in comparison.copies.items():
        yield problem(
            "FRN404",
            path,
            f"this file is a copy of {original}, which is published",
            hint="delete it, or give its request another change number or `item`",
        )


def repeated_requests(
    requests: Sequence[Request], entries: Mapping[str, LedgerEntry | None], comparison: Comparison
) -> Iterator[tuple[Request, Problem]]:
    """Find requests that stand in several places; one that is published and unchanged stays."""
    claims: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        claims[request.request_id].append(request)
    for request_id, claimants in claims.items():
        entry = entries.get(request_id)
        if entry is not None and request_id not in comparison.astray:
            where = _settled_path(request_id, entry, comparison)
            for request in claimants:
                yield request, _repeated(request, f"{where}, where it is published")
        elif len(claimants) > 1:
            kept = _published_unchanged(claimants, entry)
            for request in claimants:
                others = [f"{o.path}:{o.place.line}" for o in claimants if o is not request]
                if request is not kept:
                    yield request, _repeated(request, ", ".join(others))


def _settled_path(request_id: str, entry: LedgerEntry, comparison: Comparison) -> str:
    if request_id in comparison.settled.get(entry.path, ()):
        return entry.path
    return next(path for path, ids in comparison.settled.items() if request_id in ids)


def _published_unchanged(claimants: Sequence[Request], entry: LedgerEntry | None) -> Request | None:
    if entry is None:
        return None
    same = [r for r in claimants if (r.digest, r.revision) == (entry.digest, entry.revision)]
    at_home = [r for r in same if r.path == entry.path]
    if len(at_home) == 1:
        return at_home[0]
    return same[0] if len(same) == 1 else None


def _repeated(request: Request, where: str) -> Problem:
    return problem(
        "FRN301",
        request.path,
        f"{request.request_id} stands also in {where}",
        place=request.place,
        field="change_number",
        hint="give one of them an `item`, or delete it",
    )
