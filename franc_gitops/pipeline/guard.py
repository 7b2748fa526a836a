"""Is this the ledger that was used so far? Asked before anything is published.

In: what the event log says of itself and the pins that the repository keeps. Out: the pins
to keep from now on, or GuardRefused. A wrong ledger looks empty, and an empty ledger means
"publish everything again": so anything unexpected is refused until a human accepts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from franc_gitops.errors import EventLogRefused, GuardRefused

if TYPE_CHECKING:
    from franc_gitops.model import LogIdentity, Pin

_ACCEPT = "check KAFKA_BOOTSTRAP_SERVERS and KAFKA_TOPIC_PREFIX; if this is meant: --accept-ledger"


@dataclass(frozen=True, slots=True)
class Guard:
    """The pins, one per accepted cluster; `accept` takes whatever ledger is there."""

    pins: tuple[Pin, ...] = ()
    accept: bool = False

    def check(self, identity: LogIdentity) -> tuple[Pin, ...]:
        """Give the pins to keep; raises GuardRefused, or EventLogRefused without compaction."""
        pin = identity.pin
        if pin is None:
            return self.pins
        if not identity.compacted:
            raise EventLogRefused(
                f"the ledger topic {pin.topic} is not compacted: the broker deletes old entries, "
                "and old requests would be sent again",
                hint="set cleanup.policy=compact on it: franc-gitops topics check",
                code="FRN510",
            )
        others = tuple(known for known in self.pins if known.cluster_id != pin.cluster_id)
        if not self.accept:
            self._refuse_unknown(pin)
        return tuple(sorted((*others, pin), key=lambda known: known.cluster_id))

    def _refuse_unknown(self, pin: Pin) -> None:
        if not self.pins or pin in self.pins:
            return
        known = next((known for known in self.pins if known.cluster_id == pin.cluster_id), None)
        if known is None:
            clusters = ", ".join(known.cluster_id for known in self.pins)
            raise GuardRefused(
                f"this is cluster {pin.cluster_id}; the ledger is pinned to {clusters}",
                hint=_ACCEPT,
            )
        raise GuardRefused(f"the ledger is another one: {_difference(known, pin)}", hint=_ACCEPT)


def _difference(known: Pin, found: Pin) -> str:
    if known.topic != found.topic:
        return f"topic {known.topic} is pinned, this is {found.topic}"
    if known.partitions != found.partitions:
        return (
            f"topic {found.topic} has {found.partitions} partitions instead of {known.partitions}"
        )
    return f"topic {found.topic} was deleted and created again"
