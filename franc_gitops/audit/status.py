"""Status files against what commit and ledger make of them, byte for byte.

In: the projection, and the status folder. Out: problems, and what would put them right. No
cache is believed: each file is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from franc_gitops.audit.waiting import was_right
from franc_gitops.model import Place
from franc_gitops.pipeline.witness import claims
from franc_gitops.problems import problem
from franc_gitops.status_files import is_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from franc_gitops.model import Problem, Request
    from franc_gitops.pipeline.ports import Projection
    from franc_gitops.pipeline.project import StatusFile
    from franc_gitops.pipeline.witness import Claim
    from franc_gitops.status_reading import StatusReader

T = TypeVar("T")

_STEP = 200
_SHOWN = 60


@dataclass
class StatusAudit:
    """Compares a status folder; `below` and `shown` are the requests' and its own path with `/`.

    `waiting` are the requests that wait for their time, by path of the request file and id.
    `wrong` are the status files to be written, `strays` the request files whose status file is
    to be removed; `told` what the files that are not as they must be tell as published.
    """

    folder: StatusReader
    below: str
    shown: str
    progress: Callable[[int], None] = lambda _: None
    waiting: Mapping[str, Mapping[str, Request]] = field(default_factory=dict)
    count: int = 0
    problems: list[Problem] = field(default_factory=list)
    wrong: list[StatusFile] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    told: list[tuple[str, Claim]] = field(default_factory=list)

    def run(self, wanted: Projection) -> None:
        """Look at every status file."""
        left = set(self.folder.paths())
        for group in _groups(wanted, _STEP):
            paths = [self._place(status) for status in group]
            for path, status, content in zip(paths, group, self.folder.read(paths), strict=True):
                self._compare(path, status, content, is_there=path in left)
            left.difference_update(paths)
            self.count += len(group)
            self.progress(len(group))
        for others in _groups(sorted(left), _STEP):
            for path, content in zip(others, self.folder.read(others), strict=True):
                self._meet(path, content, wanted)

    def _place(self, status: StatusFile) -> str:
        return status.path.removeprefix(self.below)

    def _compare(
        self, path: str, status: StatusFile, content: bytes | None, *, is_there: bool
    ) -> None:
        expected = status.render()
        if content == expected:
            return
        waiting = self.waiting.get(status.path)
        if content is not None and waiting and was_right(content, expected, waiting):
            return
        self.wrong.append(status)
        if content is None:
            self.problems.append(self._missing(path, status, is_there=is_there))
            return
        self.told += [(self.shown + path, claim) for claim in claims(content)]
        place, message = _difference(content, expected)
        self.problems.append(
            problem("FRN620", self.shown + path, message, place=place, hint=_REPAIR)
        )

    def _missing(self, path: str, status: StatusFile, *, is_there: bool) -> Problem:
        reason = "is no file that can be read" if is_there else "is missing"
        message = f"the status file of {status.path} {reason}"
        return problem("FRN621", self.shown + path, message, hint=_REPAIR)

    def _meet(self, path: str, content: bytes | None, wanted: Projection) -> None:
        """Look at a file that nothing is known to be written to: a stray, waiting, not ours."""
        request_file = self.below + path
        if content is None or not is_of(content, request_file):
            return
        self.told += [(self.shown + path, claim) for claim in claims(content)]
        if not wanted.keep(request_file):
            self.strays.append(request_file)
            message = f"there is no request file {request_file} any more"
            self.problems.append(problem("FRN622", self.shown + path, message, hint=_REPAIR))


_REPAIR = "franc-gitops verify --repair, or the next publish, puts it right"


def _groups(members: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(members)
    while group := list(islice(left, size)):
        yield group


def _difference(found: bytes, expected: bytes) -> tuple[Place, str]:
    """Find the first line that is not as it must be."""
    is_there, must = (text.decode(errors="replace").split("\n") for text in (found, expected))
    for number, (has, wants) in enumerate(zip(is_there, must, strict=False), 1):
        if has != wants:
            return Place(number, 1), f"this line says {_short(has)}; it must say {_short(wants)}"
    if len(is_there) < len(must):
        return Place(len(is_there), 1), f"the file ends before {_short(must[len(is_there)])}"
    return Place(len(must), 1), "more follows than there must be"


def _short(line: str) -> str:
    text = line.strip()
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[: _SHOWN - 1]}…`"
