"""The command line on a terminal, where it shows colours and progress."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

from tests.support.project import COMMAND

if TYPE_CHECKING:
    from tests.support.project import Project


def on_terminal(
    project: Project, *arguments: str, answer: str = "", **variables: str
) -> tuple[int, str]:
    """Run with all standard streams on a terminal; give the exit code and what was shown.

    `answer` is what a human types.
    """
    controller, terminal = pty.openpty()
    os.write(controller, answer.encode())
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=project.root,
        env={**project.variables(), "TERM": "xterm", **variables},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(controller)
    return process.wait(), shown.decode()
