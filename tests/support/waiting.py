"""The one way for a test to wait: for a condition, up to a deadline, and then to say for what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None], *, what: str, seconds: float, every: float = 0.02
) -> T:
    """The first true value of `condition()`; TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            message = f"waited {seconds:g} s for {what}"
            raise TimeoutError(message)
        time.sleep(every)  # noqa: TID251 -- between two looks at the condition
    return value
