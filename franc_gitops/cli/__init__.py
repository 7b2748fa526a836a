"""The command line. `main` is the one door: every error becomes a message and an exit code.

Each verb is a file: parse, wire, call, render, exit code; nothing else. A verb's file is
imported when the verb is asked for, and it imports what it needs when it runs: that is what
makes `franc-gitops validate one.yaml` quick.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from franc_gitops.cli.invocation import Invocation

__all__ = ["main"]

PROGRAM = "franc-gitops"
BUG = 70
"""sysexits.h EX_SOFTWARE: the program itself is wrong."""
CLOSED_PIPE = 141
"""128 + SIGPIPE, as for every program whose reader went away."""
TERMINATED = 143
"""128 + SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    _prepare()
    from franc_gitops.cli.invocation import Invocation

    invocation = Invocation()
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments, invocation)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _close_pipe()
    return code


def _prepare() -> None:
    """Start quickly, print anything, end cleanly."""
    # Importing makes a hundred thousand objects that stay: looking for garbage among them is
    # 10 % of the start-up time.
    gc.set_threshold(100_000, 20, 20)
    # Its plug-ins are looked for in all installed packages: 40 ms. None of ours needs one.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _fill_closed_streams() -> None:
    """Let a stream that was closed before the start (`>&-`) lead nowhere instead of failing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    import typer

    from franc_gitops.cli.application import ClosedPipe, make_command
    from franc_gitops.errors import Exit, FrancError

    _end_on_sigterm()
    try:
        result = make_command().main(
            list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=invocation
        )
        code = int(result or 0)
    except FrancError as error:
        _explain_in_debug(invocation)
        invocation.fail(error.message, hint=error.hint, code=error.code)
        code = error.exit_code
    except typer.TyperException as error:
        code = _refuse_usage(error, invocation)
    except typer.Abort:
        code = Exit.INTERRUPTED
    except ClosedPipe:
        code = _close_pipe()
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else 0
    except OSError as error:
        _explain_in_debug(invocation)
        where = f": {error.filename}" if error.filename else ""
        invocation.fail(f"{error.strerror or error}{where}")
        code = Exit.USAGE
    except Exception as error:  # noqa: BLE001  - the one place where a bug becomes a message
        code = _confess(error, invocation)
    if code == Exit.INTERRUPTED:
        invocation.say("interrupted")
    return int(code)


def _end_on_sigterm() -> None:
    """Let SIGTERM unwind the stack, so that transactions are aborted and files closed."""
    import signal

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)


def _refuse_usage(error: Exception, invocation: Invocation) -> int:
    """Say what is wrong with the command line, and where its help is."""
    from franc_gitops.errors import Exit

    context = getattr(error, "ctx", None)
    if not str(error) or type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error}\n")
        return Exit.USAGE
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    verb = context.command_path if context else PROGRAM
    invocation.fail(message, hint=f"{verb} --help")
    return Exit.USAGE


def _confess(error: Exception, invocation: Invocation) -> int:
    """Say that the program is wrong, not its user."""
    _explain_in_debug(invocation)
    hint = (
        "please report this line" if invocation.debug else "run it again with --debug, and report"
    )
    invocation.fail(f"this is a bug: {type(error).__name__}: {error}", hint=hint)
    return BUG


def _explain_in_debug(invocation: Invocation) -> None:
    if invocation.debug:
        import traceback

        traceback.print_exc()


def _close_pipe() -> int:
    """End quietly when the reader of standard output went away, as in `… | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE
