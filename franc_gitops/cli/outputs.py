"""Where the outcome of a run goes: `-o FORMAT` to standard output, `-o FORMAT=FILE` to a file.

A file is made ready before anything is done, so that a run that publishes does not find out
afterwards that its report has no place. What an earlier run left there is removed first: a
report that is there is always one of this run. It appears whole, or not at all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import UsageError
from franc_gitops.reports import COMMENT, Look, renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from franc_gitops.cli.invocation import Invocation
    from franc_gitops.reports import Render

SUMMARY = 1 << 20
"""Bytes that GitHub takes as the summary of a step; one byte more and it shows none at all."""
_LEAST = 4_000
"""Bytes below which a summary would be cut to little more than its heading."""


class Output(NamedTuple):
    """One report that is wanted; to standard output if `file` is None."""

    format: str
    render: Render
    file: Path | None


class Outputs:
    """The reports that one run writes about its subject."""

    def __init__(self, subject: str, outputs: Sequence[Output], invocation: Invocation) -> None:
        """Take what is wanted; `room` is the longest comment in bytes, 0 for any length."""
        self._subject = subject
        self._outputs = outputs
        self._invocation = invocation
        self.room = COMMENT

    def write(self, found: object, root: Path) -> None:
        """Write every report; `root` is the folder that paths in the subject begin at."""
        below = _below_the_clone(root)
        look = self._invocation.look()._replace(room=self.room, below=below)
        for output in self._outputs:
            if output.file is None:
                self._invocation.write(output.render(found, look))
            else:
                _write(output.file, output.render(found, look._replace(colors=False)))
        if any(output.format == "github" for output in self._outputs):
            self._summarize(found, look)

    def _summarize(self, found: object, look: Look) -> None:
        """Add to the summary of the step of a GitHub workflow, if this is one."""
        from franc_gitops.settings.sources import step_summary

        if (file := step_summary()) is None:
            return
        render = renderer(self._subject, "markdown")
        try:
            with file.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                room = SUMMARY - stream.tell()
                if room >= _LEAST:
                    stream.writelines(render(found, look._replace(colors=False, room=room)))
        except OSError as error:
            self._invocation.warn(f"no step summary: {error.strerror}: {file}")


def open_outputs(
    subject: str, wanted: Sequence[str] | None, invocation: Invocation, max_length: str = ""
) -> Outputs:
    """Understand `-o`; raises UsageError for what cannot be, before anything else is done."""
    outputs = [_parse(subject, text) for text in wanted or ["text"]]
    _check_places([output.file for output in outputs])
    for output in outputs:
        if output.file is not None:
            _make_ready(output.file)
    invocation.annotates = any(o.format == "github" and o.file is None for o in outputs)
    opened = Outputs(subject, outputs, invocation)
    if max_length:
        opened.room = _length(max_length)
    return opened


def _parse(subject: str, text: str) -> Output:
    name, equals, file = text.partition("=")
    render = renderer(subject, name)
    if equals and not file:
        raise UsageError(f"-o {text} names no file", hint=f"-o {name}=FILE, or -o {name}")
    return Output(name, render, Path(file) if equals else None)


def _check_places(files: Sequence[Path | None]) -> None:
    """Refuse two reports in one place: neither could be read."""
    places = [file and file.absolute() for file in files]
    for at, place in enumerate(places):
        if place in places[:at]:
            where = "standard output" if place is None else str(place)
            raise UsageError(
                f"two reports cannot both go to {where}",
                hint="-o FORMAT=FILE gives a report a file of its own",
            )


def _make_ready(file: Path) -> None:
    """Make the folder, remove an earlier report, and find out whether a new one can be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() and not file.is_symlink():
            file.unlink()
        problem = "it is a folder" if file.is_dir() else ""
        if not problem and not os.access(file if file.exists() else file.parent, os.W_OK):
            problem = "its folder cannot be written to"
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        raise UsageError(f"no report can be written to {file}: {problem}")


def _write(file: Path, pieces: Iterable[str]) -> None:
    """Write a report whole; into a device, a FIFO or a link just as it comes."""
    direct = os.path.lexists(file)  # a regular file was removed
    target = file if direct else file.with_name(f".{file.name[:200]}.{os.getpid()}")
    try:
        with target.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(pieces)
        if not direct:
            target.replace(file)
    except BaseException as error:
        if not direct:
            with suppress(OSError):
                target.unlink()
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise UsageError(f"no report is written to {file}: {error.strerror}") from None
        raise


def _length(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"--max-length {text}: a number of bytes is expected, 0 for any length")
    return int(text)


def _below_the_clone(root: Path) -> str:
    """Give the path of `root` below the clone that it is in: hosts count paths from there."""
    root = root.absolute()
    for folder in (root, *root.parents):
        if os.path.lexists(folder / ".git"):
            below = root.relative_to(folder).as_posix()
            return "" if below == "." else below
    return ""
