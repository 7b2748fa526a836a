"""When a daemon that another one has fenced may take over: no lease, no heartbeat.

A standby looks at repository and ledger like the leader and publishes nothing. The leader
publishes what is pending within milliseconds. So what stays pending for the whole grace time,
as the standby sees it, has no leader any more, and the standby fences whoever it was. Two
standbys do so at different moments, and the later one sees that nothing is pending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from franc_gitops.clock import Clock

GRACE_SECONDS = (3.0, 5.0)
LOOK_SECONDS = 0.5
"""How often a standby looks at the ledger while something is pending."""

IDLE_SECONDS = 5.0
"""How often it does while nothing is."""


class Standby:
    """Since when each request has been pending, as a standby sees it."""

    def __init__(self, clock: Clock, extra: float = 0.0) -> None:
        """Begin with nothing pending; `extra` seconds are given to a leader that looks rarely."""
        self._clock = clock
        self._grace = clock.uniform(*GRACE_SECONDS) + extra
        self._since: dict[str, float] = {}

    def see(self, pending: Iterable[str]) -> None:
        """Take which requests are pending now."""
        now = self._clock.monotonic()
        self._since = {name: self._since.get(name, now) for name in pending}

    @property
    def takes_over_in(self) -> float | None:
        """Give the seconds until the leader counts as gone; None while nothing is pending."""
        if not self._since:
            return None
        return max(0.0, min(self._since.values()) + self._grace - self._clock.monotonic())

    @property
    def looks_in(self) -> float:
        """Give the seconds until the ledger is to be looked at again."""
        left = self.takes_over_in
        return IDLE_SECONDS if left is None else min(LOOK_SECONDS, left)
