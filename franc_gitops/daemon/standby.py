"""When a daemon that another one has fenced may take over: no lease, no heartbeat.

A standby looks at repository and ledger like the leader and publishes nothing. The leader
publishes what is pending within milliseconds. So what stays pending for the whole grace time,
as the standby sees it, has no leader any more, and the standby fences whoever it was. Two
standbys do so at different moments, and the later one sees that nothing is pending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from franc_gitops.clock import Clock

GRACE_SECONDS = (3.0, 5.0)
LOOK_SECONDS = 0.5
"""How often a standby looks at the ledger while something is pending."""

IDLE_SECONDS = 5.0
"""How often it does while nothing is."""


class Standby:
    """One time as a standby, from being fenced to taking over."""

    def __init__(self, clock: Clock, extra: float = 0.0) -> None:
        """Begin now; `extra` seconds are given to a leader that may see a commit later."""
        self._clock = clock
        self._grace = clock.uniform(*GRACE_SECONDS) + extra
        self._since = self._looked = clock.monotonic()

    def looked(self) -> None:
        """Note that the ledger was just looked at."""
        self._looked = self._clock.monotonic()

    def takes_over_in(self, pending_since: float | None) -> float:
        """Give the seconds until the leader counts as gone, at least zero.

        `pending_since` is when the oldest pending request was seen first (monotonic clock);
        None, and for ever, while nothing is pending.
        """
        if pending_since is None:
            return float("inf")
        start = max(pending_since, self._since)
        return max(0.0, start + self._grace - self._clock.monotonic())

    def looks_in(self, pending_since: float | None) -> float:
        """Give the seconds until the ledger is to be looked at again, at least zero."""
        every = IDLE_SECONDS if pending_since is None else LOOK_SECONDS
        due = max(0.0, self._looked + every - self._clock.monotonic())
        return min(due, self.takes_over_in(pending_since))
