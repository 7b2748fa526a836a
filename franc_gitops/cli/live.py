"""`watch` on a terminal: a line for each thing that changed, and one below that says how it stands.

Nothing moves unless something happens. A terminal that cannot go back in a line gets the
lines alone.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from franc_gitops.cli.help import count
from franc_gitops.cli.news import News
from franc_gitops.reports.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import TracebackType

    from franc_gitops.daemon.model import Role
    from franc_gitops.errors import FrancError
    from franc_gitops.model import Problem
    from franc_gitops.pipeline.report import Report

MOST_LINES = 200
"""More requests than this in one turn are counted, not shown: nobody reads that, and it takes
longer to show than to publish."""

_STYLES = {
    "Completed": "green",
    "Published": "green",
    "Running": "cyan",
    "Scheduled": "yellow",
    "Pending": "bold yellow",
    "Stalled": "bold yellow",
    "Cancelled": "magenta",
    "Rejected": "bold red",
    "Failed": "bold red",
}
_WIDTH = max(map(len, _STYLES))
_SPEAK_FOR_THEMSELVES = ("Completed", "Published")


class LiveNarrator:
    """Shows what happens; every method may be called from any thread."""

    def __init__(self, *, colors: bool) -> None:
        """Take whether colours are wanted."""
        self._console = Console(
            stderr=True, color_system="auto" if colors else None, highlight=False
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._lock = RLock()
        self._news = News()
        self._role = "starting"
        self._waiting: set[str] = set()
        self._published = 0
        self._last = ""
        self._trouble: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Begin to show; the cursor stays, so that a terminal is whole however we end."""
        if not self._console.is_dumb_terminal:
            self._live.start()
            self._console.show_cursor()
        self._refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the last line away."""
        self._live.stop()

    def tell(self, event: str, /, **facts: object) -> None:
        """Show a fact."""
        self._say(Text(_sentence(event, facts), style="dim"))

    def warn(self, event: str, /, **facts: object) -> None:
        """Show a warning."""
        self._say(Text("warning ", style="bold yellow"), Text(_sentence(event, facts)))

    def turn_ended(
        self, report: Report, /, *, trigger: str, seconds: float, paths: Collection[str] | None
    ) -> None:
        """Show each request and problem that is new."""
        with self._lock:
            said = self._news.take(report, paths)
            for problem in said.problems[:MOST_LINES]:
                self._say_problem(problem)
            for row in said.rows[:MOST_LINES]:
                self._say_request(row)
            self._count_rest(said.problems[MOST_LINES:], said.rows[MOST_LINES:])
            earlier = set() if paths is None else self._waiting - report.published.keys()
            self._waiting = earlier | report.unsent
            self._published += len(report.published)
            self._last = f"last look {_clock()} ({trigger}, {seconds * 1000:.0f} ms)"
            self._refresh()

    def failed(self, error: FrancError, /, *, stage: str, retry_in: float) -> None:
        """Show what is wrong, once, and keep it in the last line until it is not."""
        with self._lock:
            if self._trouble.get(stage) != error.message:
                self._trouble[stage] = error.message
                self._say(
                    Text(f"{_spaced(stage)} ", style="bold red"),
                    Text(printable(error.message)),
                    Text(f"; trying again in {retry_in:.0f} s, then later", style="dim"),
                )
                if error.hint:
                    self._say(Text(f"hint: {printable(error.hint)}", style="cyan"))
            self._refresh()

    def recovered(self, *, stage: str) -> None:
        """Show that what failed is well again."""
        with self._lock:
            if self._trouble.pop(stage, None) is not None:
                self._say(Text(f"{_spaced(stage)} is well again", style="green"))
            self._refresh()

    def role(self, role: Role, /) -> None:
        """Show what the daemon is now."""
        with self._lock:
            self._role = str(role)
            self._refresh()

    # --- inside ------------------------------------------------------------------------------

    def _say_request(self, row: Mapping[str, Any]) -> None:
        phase = str(row["phase"])
        message = "" if phase in _SPEAK_FOR_THEMSELVES else f"  {row['message']}"
        self._say(
            Text(f"{phase:<{_WIDTH}} ", style=_STYLES.get(phase, "")),
            Text(f"{row['request_id']}  "),
            Text(f"{printable(row['path'])}{printable(message)}", style="dim"),
        )

    def _say_problem(self, problem: Problem) -> None:
        style = "bold red" if problem.is_error else "bold yellow"
        self._say(
            Text(f"{printable(problem.path)}:{problem.line}:{problem.column}: ", style="bold"),
            Text(f"{problem.severity} {problem.code} ", style=style),
            Text(printable(problem.message)),
        )

    def _count_rest(self, problems: Sequence[Problem], rows: Sequence[Mapping[str, Any]]) -> None:
        """Count what is not shown one by one."""
        counts = Counter(str(row["phase"]) for row in rows)
        told = [f"{number:,} {phase}" for phase, number in counts.most_common()]
        told += [count(len(problems), "problem")] if problems else []
        if told:
            self._say(Text(f"and {', '.join(told)} more", style="dim"))

    def _say(self, *parts: Text) -> None:
        with self._lock:
            self._console.print(Text.assemble(f"{_clock()}  ", *parts), soft_wrap=True)

    def _refresh(self) -> None:
        with self._lock:
            self._live.update(self._standing(), refresh=self._live.is_started)

    def _standing(self) -> Text:
        """Give the last line."""
        parts = [self._role, f"{count(self._published, 'request')} published"]
        if self._waiting:
            parts.append(f"{len(self._waiting):,} waiting")
        parts += [f"{_spaced(stage)} is away" for stage in self._trouble]
        parts += [self._last] if self._last else []
        style = "red" if self._trouble else "dim"
        return Text(" · ".join(parts), style=style, no_wrap=True, overflow="ellipsis")


def _spaced(stage: str) -> str:
    return stage.replace("_", " ")


def _clock() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")


def _sentence(event: str, facts: Mapping[str, object]) -> str:
    """Write a fact as people would."""
    told = [
        f"{name} {_plain(value)}" for name, value in facts.items() if value not in ([], "", None)
    ]
    return printable(f"{event}: {', '.join(told)}" if told else event)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
