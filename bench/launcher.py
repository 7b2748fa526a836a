"""Starts a command from a small process and reports on it.

    python -I -S bench/launcher.py REPORT_FD COMMAND…

The kernel's peak memory of a process counts that of the process which started it, up to the
moment of the start: hence not from the benchmark itself.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """Run the command; write start, seconds, peak kB and exit code to the file descriptor."""
    report, *command = sys.argv[1:]
    started = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - started
    code = os.waitstatus_to_exitcode(status)
    os.write(int(report), f"{started} {seconds} {usage.ru_maxrss} {code}".encode())


if __name__ == "__main__":
    main()
