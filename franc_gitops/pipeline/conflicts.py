"""Open requests against each other: two must not touch the same thing.

In: the open requests, with what each type of request claims (`kinds/claims.py`). Out: a problem
at every place that must give way, naming the others; what was published with the claim stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.kinds.claims import shown
from franc_gitops.pipeline.open_requests import at_its_beginning, unpublished
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from franc_gitops.model import Problem, Request
    from franc_gitops.pipeline.open_requests import OpenRequest, Spot

    Locate: TypeAlias = Callable[[OpenRequest, str], Spot]

_NAMED = 3
"""So many others are named, and so many things that are claimed; the rest is a number."""


def made_twice(claims: Iterable[Sequence[str]]) -> set[str]:
    """Give the claims that are made more than once, by whomever: a quick first look."""
    known = list(claims)
    seen = set(chain.from_iterable(known))
    if len(seen) == sum(map(len, known)):
        return set()
    counts = Counter(chain.from_iterable(known))
    return {claim for claim in seen if counts[claim] > 1}


def conflicts_among(
    requests: Sequence[Request],
    is_finished: Callable[[Request], bool],
    locate: Locate = at_its_beginning,
) -> Iterator[Problem]:
    """Hold requests against each other without a ledger; a cancelled one claims nothing.

    Only of those that touch the same thing it is asked whether they are finished.
    """
    if twice := made_twice(one.claims for one in requests):
        touching = (one for one in requests if not twice.isdisjoint(one.claims))
        alive = (one for one in touching if one.cancel is None and not is_finished(one))
        yield from conflicts(map(unpublished, alive), locate)


def contested(found: Iterable[OpenRequest]) -> Iterator[tuple[Sequence[OpenRequest], list[str]]]:
    """Give requests that touch the same things, and the claims that all of them make."""
    claimants: dict[str, list[OpenRequest]] = defaultdict(list)
    for one in found:
        for claim in one.claims:
            claimants[claim].append(one)
    groups: dict[tuple[int, ...], tuple[Sequence[OpenRequest], list[str]]] = {}
    for claim, those in claimants.items():
        if len(those) > 1 and any(one.request_id != those[0].request_id for one in those):
            groups.setdefault(tuple(map(id, those)), (those, []))[1].append(claim)
    yield from groups.values()


def conflicts(found: Iterable[OpenRequest], locate: Locate = at_its_beginning) -> Iterator[Problem]:
    """Report every open request that touches what another one touches, naming file and line."""
    for those, claims in contested(found):
        by_id: dict[str, list[OpenRequest]] = defaultdict(list)
        for one in those:
            by_id[one.request_id].append(one)
        for one in those:
            contended = [claim for claim in claims if claim not in one.kept]
            if contended:
                yield _conflict(one, _Others(by_id, len(those)), contended, locate)


class _Others(NamedTuple):
    """All that make the same claims, by request_id, and how many they are."""

    by_id: Mapping[str, Sequence[OpenRequest]]
    total: int


def _conflict(one: OpenRequest, others: _Others, claims: Sequence[str], locate: Locate) -> Problem:
    place, field = locate(one, claims[0])
    return problem(
        "FRN302",
        one.path,
        f"{_things(claims)}: also touched by {_name_others(one, others, claims[0], locate)}",
        place=place,
        field=field,
        hint="`cancel` or change one of them, or wait until the other is finished",
    )


def _things(claims: Sequence[str]) -> str:
    """Name what is claimed; of several members of one thing, the first ones."""
    first, _, name = claims[0].rpartition("\n")
    start = f"{first}\n{name.partition(' ')[0]} "
    alike = [claim.removeprefix(start) for claim in claims if claim.startswith(start)]
    named = [claims[0], *alike[1:_NAMED]]
    more = len(claims) - len(named)
    return shown(", ".join([*named, f"and {more} more"] if more else named))


def _name_others(one: OpenRequest, others: _Others, claim: str, locate: Locate) -> str:
    by_id, total = others
    found = (other for name in by_id if name != one.request_id for other in by_id[name])
    named = [_name(other, claim, locate) for other in islice(found, _NAMED)]
    more = total - len(by_id[one.request_id]) - len(named)
    return " and ".join([*named, f"{more} more"] if more else named)


def _name(other: OpenRequest, claim: str, locate: Locate) -> str:
    where = f"{other.path}:{locate(other, claim).place.line}"
    is_published = claim in other.kept
    return f"{other.request_id} ({where}{', published and not finished' if is_published else ''})"
