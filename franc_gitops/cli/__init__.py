"""The command line. `main` is the one door: every error becomes a message and an exit code.

Each verb is a file: parse, wire, call, render, exit code; nothing else. A verb's file is
imported when the verb is asked for, and it imports what it needs when it runs: that is what
makes `franc-gitops validate one.yaml` quick.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from franc_gitops.errors import Exit, FrancError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typer import TyperException

    from franc_gitops.cli.invocation import Invocation

__all__ = ["main"]

PROGRAM = "franc-gitops"
USAGE = int(Exit.USAGE)
INTERRUPTED = int(Exit.INTERRUPTED)
BUG = 70
"""sysexits.h EX_SOFTWARE: the program itself is wrong."""
CLOSED_PIPE = 141
"""128 + SIGPIPE, as for every program whose reader went away."""
TERMINATED = 143
"""128 + SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; nothing is raised but by a second signal."""
    _prepare()
    from franc_gitops.cli.invocation import Invocation

    invocation = Invocation()
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments, invocation)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  - the one door
        code = _answer(error, invocation)
    if code == INTERRUPTED:
        invocation.say("interrupted")
    return code


def _prepare() -> None:
    """Start quickly, print anything, end cleanly."""
    # Importing makes a hundred thousand objects that stay: looking for garbage among them is
    # 10 % of the start-up time.
    gc.set_threshold(100_000, 20, 20)
    _fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    _end_on_sigterm()


def _fill_closed_streams() -> None:
    """Let a stream that was closed before the start (`>&-`) lead nowhere instead of failing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _end_on_sigterm() -> None:
    """Let SIGTERM unwind the stack, so that transactions are aborted and files closed."""

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    from franc_gitops.cli.application import make_command

    command = make_command()
    code = command.main(list(arguments), PROGRAM, standalone_mode=False, obj=invocation)
    return int(code or 0)


def _answer(error: BaseException, invocation: Invocation) -> int:
    """Turn whatever ended the verb into an exit code, with a message where one is due."""
    import typer

    from franc_gitops.cli.application import ClosedPipe

    if isinstance(error, ClosedPipe | BrokenPipeError):
        return _close_pipe()
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, typer.TyperException):
        return _refuse_usage(error, invocation)
    return _explain_failure(error, invocation)


def _explain_failure(error: BaseException, invocation: Invocation) -> int:
    """Say why it failed: the world, the system below, or we ourselves."""
    if invocation.debug:
        traceback.print_exception(error)
    if isinstance(error, FrancError):
        invocation.fail(error.message, hint=error.hint, code=error.code)
        return error.exit_code
    if isinstance(error, OSError):
        return _blame_the_system(error, invocation)
    return _confess(error, invocation)


def _close_pipe() -> int:
    """End quietly when the reader of standard output went away, as in `… | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE


def _refuse_usage(error: TyperException, invocation: Invocation) -> int:
    """Say what is wrong with the command line, and where its help is."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help page
        sys.stderr.write(f"{error}\n")
    else:
        verb = context.command_path if context else PROGRAM
        invocation.fail(error.format_message(), hint=f"{verb} --help")
    return USAGE


def _blame_the_system(error: OSError, invocation: Invocation) -> int:
    where = f": {error.filename}" if error.filename else ""
    invocation.fail(f"{error.strerror or error}{where}")
    return USAGE


def _confess(error: BaseException, invocation: Invocation) -> int:
    """Say that the program is wrong, not its user."""
    hint = "please report all of this" if invocation.debug else "run it again with --debug, report"
    invocation.fail(f"this is a bug: {type(error).__name__}: {error}", hint=hint)
    return BUG
