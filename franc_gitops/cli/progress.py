"""A progress bar on a terminal, for work that is long enough to be waited for."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    from franc_gitops.cli.invocation import Invocation

_WORTH_IT = 1_000
"""Less is done before a bar is drawn."""


@contextmanager
def progress_bar(invocation: Invocation, verb: str) -> Iterator[Callable[[int, int], None]]:
    """Give what is told how many of how many are done; rich is imported with the first bar."""
    if invocation.quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    bar = _Bar(verb, color=invocation.colors(sys.stderr))
    try:
        yield bar.show
    finally:
        bar.close()


class _Bar:
    def __init__(self, verb: str, *, color: bool) -> None:
        self._verb = verb
        self._color = color
        self._shown: tuple[Progress, TaskID] | None = None

    def show(self, done: int, total: int) -> None:
        """Draw how far it is."""
        if total < _WORTH_IT:
            return
        if self._shown is None:
            self._shown = self._open(total)
        progress, task = self._shown
        progress.update(task, completed=done, total=total)

    def _open(self, total: int) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, no_color=not self._color)
        progress = Progress(console=console, transient=True)
        progress.start()
        return progress, progress.add_task(self._verb, total=total)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown[0].stop()
