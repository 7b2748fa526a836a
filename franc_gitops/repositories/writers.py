"""Is somebody writing a file at this moment? Asked before a file is read that may be half done.

On Linux a read lease is granted only on a file that nobody has open for writing; it is given
back at once. Whoever opens the file for writing just then makes the kernel send us SIGIO,
which must be ignored (`daemon/signals.py`). Somebody else's file, or one of a network, cannot
be asked about: then only a file that stands still for a while counts as done.
"""

from __future__ import annotations

import errno
import fcntl


def is_being_written(handle: int) -> bool | None:
    """Tell whether anybody has an open file open for writing; None where nobody can tell."""
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except AttributeError:  # not on Linux
        return None
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def ignore_lease_breaks() -> None:
    """Let SIGIO pass unheard, which would end the process; only in the main thread."""
    import signal

    signal.signal(signal.SIGIO, signal.SIG_IGN)
