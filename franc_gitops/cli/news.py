"""What a turn brought that was not said before: `watch` says everything once, and not each turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from franc_gitops.pipeline.rows import rows_of_report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from franc_gitops.model import Problem
    from franc_gitops.pipeline.report import Report

_Key = tuple[str, str]
_Row = dict[str, Any]


class Said(NamedTuple):
    """What is news: rows of requests, and problems."""

    rows: Sequence[Mapping[str, Any]]
    problems: Sequence[Problem]


class News:
    """Remembers what was said of requests that are not settled, and of problems that stand."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._rows: dict[_Key, tuple[str, str]] = {}
        self._problems: set[Problem] = set()

    def take(self, report: Report, paths: Collection[str] | None) -> Said:
        """Give what a turn brought that looked at these files, or at all of them (None)."""
        rows, problems = list(rows_of_report(report)), report.plan.problems
        standing = {_key(row) for row in rows}
        for key in [key for key in self._rows if _is_seen(key[1], paths) and key not in standing]:
            del self._rows[key]
        self._problems -= {
            said for said in self._problems.difference(problems) if _is_seen(said.path, paths)
        }
        return Said(
            list(self._new_rows(rows, report.published)), list(self._new_problems(problems))
        )

    def _new_rows(self, rows: Iterable[_Row], published: Mapping[str, object]) -> Iterator[_Row]:
        for row in rows:
            key, now = _key(row), (row["phase"], row["message"])
            if row["request_id"] in published:
                self._rows.pop(key, None)
                yield row
            elif self._rows.get(key) != now:
                self._rows[key] = now
                yield row

    def _new_problems(self, found: Iterable[Problem]) -> Iterator[Problem]:
        for problem in found:
            if problem not in self._problems:
                self._problems.add(problem)
                yield problem


def _key(row: Mapping[str, Any]) -> _Key:
    return row["request_id"], row["path"]


def _is_seen(path: str, paths: Collection[str] | None) -> bool:
    return paths is None or path in paths
