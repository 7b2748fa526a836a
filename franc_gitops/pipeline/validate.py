"""Request files → requests and problems, with a worker per spare processor for many files.

In: the files to read. Out: a `Validated` with requests and problems, both sorted by path.
Each file is judged by itself (`checks.py`). `find_repeated` holds requests against each
other, for callers without a ledger: with one, `plan` does it, knowing which is published.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from franc_gitops.model import Problem, Request, Validated
from franc_gitops.pipeline.checks import Checks
from franc_gitops.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from franc_gitops.model import SourceFile
    from franc_gitops.pipeline.workers import Worker

BATCH = 64
"""Files that go to a worker at once: a few milliseconds of work."""

WORTH_A_WORKER = 600
"""Files from which on a worker saves more time than forking takes."""

Content: TypeAlias = "tuple[SourceFile, bytes | Problem]"


class Reader(Protocol):
    """Reads files, as `RequestRepository.read` does."""

    def __call__(self, files: Iterable[SourceFile], /) -> Iterator[Content]:
        """Yield the content of each file, in order, or what keeps it from being read."""
        ...


def _say_nothing(files: int) -> None:
    del files


@dataclass(frozen=True)
class FileValidator:
    """Loads and validates files, each by itself; it is the `Validator` of a pass.

    `progress` is told how many more files were read. `workers` limits the extra processes;
    None is one per spare processor.
    """

    read: Reader
    checks: Checks = field(default_factory=Checks)
    progress: Callable[[int], None] = _say_nothing
    workers: int | None = None
    _ready: list[Worker[list[Content], _Rows]] = field(default_factory=list)

    def prepare(self, files: int) -> None:
        """Start the workers that so many files may need, while forking is still safe."""
        if not self._ready:
            self._ready.extend(self._start(files))

    def close(self) -> None:
        """End workers that were prepared and not needed."""
        while self._ready:
            with self._ready.pop():
                pass

    def __call__(self, files: Sequence[SourceFile]) -> Validated:
        """Give requests and problems of the files."""
        with _paused_collection():
            found = self._share_out(files)
            found.requests.sort(key=lambda request: (request.path, request.document))
            found.problems.sort(key=lambda problem: problem.sort_key)
        requests, problems = tuple(found.requests), tuple(found.problems)
        return Validated(requests, problems, len(files), found.documents)

    def _share_out(self, files: Sequence[SourceFile]) -> _Found:
        found = _Found()
        contents = self.read(files)
        with ExitStack() as stack:
            self.prepare(len(files))
            shares = [_Share(stack.enter_context(self._ready.pop())) for _ in list(self._ready)]
            while batch := list(islice(contents, BATCH)):
                if not any(share.offer(batch) for share in shares):
                    self._judge(batch, found)
                self.progress(len(batch))
            for share in shares:
                self._collect(share, found)
        return found

    def _start(self, files: int) -> Iterator[Worker[list[Content], _Rows]]:
        if files < WORTH_A_WORKER or self.workers == 0:
            return
        from franc_gitops.pipeline.workers import Worker, spare_processors

        for _ in range(spare_processors())[: self.workers]:
            yield Worker(self._work)

    def _work(self, batch: list[Content]) -> _Rows:
        found = _Found()
        self._judge(batch, found)
        return found.as_rows()

    def _judge(self, contents: Iterable[Content], found: _Found) -> None:
        check_file = self.checks.check_file
        for file, content in contents:
            if isinstance(content, Problem):
                found.problems.append(content)
                continue
            requests, problems, documents = check_file(file.path, content)
            found.requests += requests
            found.problems += problems
            found.documents += documents

    def _collect(self, share: _Share, found: _Found) -> None:
        """Take a worker's results; do the rest of its work if it was lost."""
        done = 0
        for rows in share.worker.finish():
            found.add_rows(rows)
            done += 1
        for files in share.batches[done:]:
            self._judge(self.read(files), found)


def find_repeated(requests: Iterable[Request]) -> Iterator[Problem]:
    """Report requests with one identity at every place where they stand, naming the others."""
    places: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        places[request.request_id].append(request)
    for request_id, claimants in places.items():
        for request in claimants if len(claimants) > 1 else ():
            others = [f"{o.path}:{o.place.line}" for o in claimants if o is not request]
            yield problem(
                "FRN301",
                request.path,
                f"{request_id} stands also in {', '.join(others)}",
                place=request.place,
                field="change_number",
                hint="give one of them an `item`, or delete it",
            )


class _Rows(NamedTuple):
    """What was found, as plain tuples: they travel between processes four times as fast."""

    requests: list[tuple[Any, ...]]
    problems: list[tuple[Any, ...]]
    documents: int


_request_row = attrgetter(*(column.name for column in fields(Request)))
_problem_row = attrgetter(*(column.name for column in fields(Problem)))


class _Found:
    """What was found so far."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.problems: list[Problem] = []
        self.documents = 0

    def as_rows(self) -> _Rows:
        requests = [_request_row(request) for request in self.requests]
        return _Rows(requests, [_problem_row(found) for found in self.problems], self.documents)

    def add_rows(self, rows: _Rows) -> None:
        self.requests += [Request(*row) for row in rows.requests]
        self.problems += [Problem(*row) for row in rows.problems]
        self.documents += rows.documents


class _Share:
    """What one worker was given."""

    def __init__(self, worker: Worker[list[Content], _Rows]) -> None:
        self.worker = worker
        self.batches: list[list[SourceFile]] = []

    def offer(self, batch: list[Content]) -> bool:
        taken = self.worker.offer(batch)
        if taken:
            self.batches.append([file for file, _ in batch])
        return taken


@contextmanager
def _paused_collection() -> Iterator[None]:
    """Pause the search for cycles: validation makes many objects and no cycles among them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
