"""Running something without the rights of root, for whom no file is unreadable."""

from __future__ import annotations

import os
import pickle
import traceback
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

NOBODY = 65534


def unprivileged(function: Callable[[], T]) -> T:
    """Call a function in a child process that is not root, and give what it returns.

    Its files must lie where everybody may go: not below pytest's `tmp_path`.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _call(function, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    kind, value = pickle.loads(answer)  # noqa: S301 - written by ourselves
    assert kind == "returned", value
    result: T = value
    return result


def _call(function: Callable[[], object], writer: int) -> None:
    """Call the function in the child, which never returns from here."""
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        answer = pickle.dumps(("returned", function()))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent shows it
        answer = pickle.dumps(("raised", traceback.format_exc()))
    os.write(writer, answer)
    os._exit(0)
