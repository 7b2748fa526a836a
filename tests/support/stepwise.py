"""The command line with small transactions, waiting before each for a word of the test.

    publication = Stepwise(project, size=10)
    publication.wait_for_transaction()
    ...                         # whatever is to happen to the world at this moment
    publication.go_on()

Nothing else differs: this program is `franc-gitops` with another number in one place.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import patch

from franc_gitops import cli, wiring
from franc_gitops.pipeline.publish import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from franc_gitops.eventlogs import Committed, Session
    from franc_gitops.pipeline.deliver import Delivery
    from tests.support.project import Project

SECONDS = 30.0


class Stepwise:
    """One `publish` in a process of its own; `size` is the largest number of requests together."""

    def __init__(
        self, project: Project, size: int, *arguments: str, patience: float = SECONDS
    ) -> None:
        self._heard, say = os.pipe()
        hear, self._say = os.pipe()
        numbers = (str(size), str(patience), str(say), str(hear))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stepwise", *numbers, "publish", *arguments],
            cwd=project.root,
            env=project.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(say, hear),
        )
        os.close(say)
        os.close(hear)

    def wait_for_transaction(self) -> None:
        """Return once it is about to begin a transaction; it goes on when it is told to."""
        ready, _, _ = select.select([self._heard], [], [], SECONDS)
        if not ready or not os.read(self._heard, 1):
            self.process.kill()
            raise AssertionError(self.process.communicate())

    def go_on(self) -> None:
        """Let it do one transaction."""
        os.write(self._say, b".")

    def end(self, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
        """Let it run to its end, which must come within so many seconds."""
        os.close(self._say)
        try:
            out, err = self.process.communicate(timeout=seconds)
        finally:
            self.process.kill()
            os.close(self._heard)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)


class _Stepping(Publisher):
    say: ClassVar[int]
    hear: ClassVar[int]

    def _commit(self, session: Session, batch: Iterable[Delivery]) -> Committed:
        os.write(self.say, b".")
        os.read(self.hear, 1)
        return super()._commit(session, batch)


def main() -> int:
    """Run the command line."""
    size, patience, say, hear, *arguments = sys.argv[1:]
    _Stepping.say, _Stepping.hear = int(say), int(hear)
    stepping = partial(_Stepping, batch=int(size), patience=float(patience))
    with patch.object(wiring, "Publisher", stepping):
        return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
