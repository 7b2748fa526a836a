"""One run of the command line: what its common options say, and how it speaks to people.

Data goes to standard output and is written by the verbs; all that is said here goes to
standard error.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from franc_gitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from franc_gitops.reports import Look
    from franc_gitops.settings import Settings

_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_COMMAND = re.compile(r"##(?=\[)|^(\s*):(?=:)", re.MULTILINE)
"""What GitHub's runner would take for a command: `##[` anywhere, `::` where a line begins."""
_COLORS = {"error": "31;1", "warning": "33;1", "hint": "36"}


@dataclass
class Invocation:
    """The common options; filled in while the command line is parsed."""

    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    debug: bool = False
    annotates: bool = False
    """Whether standard output is read by a GitHub workflow, which marks errors up."""
    overrides: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Tell people something they may like to know."""
        if not self.quiet:
            self._write(text)

    def warn(self, text: str) -> None:
        """Tell people something they should look at."""
        if not self.quiet:
            self._write(text, f"{self._paint('warning')}: ")

    def fail(self, message: str, *, hint: str = "", code: str = "") -> None:
        """Tell people why it ends, and what to do."""
        if self.annotates:
            from franc_gitops.reports.github import command

            told = f"{message}\nhint: {hint}" if hint else message
            sys.stderr.write(command("error", told, title=f"franc ({code})" if code else "franc"))
        self._write(message, f"{self._paint('error')}{' ' if code else ''}{code}: ")
        if hint:
            self._write(hint, f"{self._paint('hint')}: ")

    def write(self, pieces: Iterable[str]) -> None:
        """Write data to standard output."""
        sys.stdout.writelines(pieces)

    def look(self) -> Look:
        """Give how text on standard output is to look."""
        from franc_gitops.reports import Look

        return Look(self.colors(sys.stdout), self.verbose)

    def colors(self, stream: TextIO) -> bool:
        """Tell whether a stream takes colours: a terminal, and nobody asked for none."""
        if self.no_color or not stream.isatty():
            return False
        from franc_gitops.settings.sources import no_color

        return not no_color()

    def settings(
        self, *, with_kafka: bool = True, offline: bool = False, quiet: bool = False
    ) -> Settings:
        """Load the settings around the current folder; their warnings are said, unless `quiet`."""
        from pathlib import Path

        from franc_gitops.settings import load_settings

        loaded = load_settings(
            Path.cwd(),
            self._flags(),
            is_tracked=_is_tracked,
            with_kafka=with_kafka,
            offline=offline,
        )
        for warning in () if quiet else loaded.warnings:
            self.warn(warning)
        return loaded

    def _flags(self) -> dict[str, str]:
        flags = {}
        for override in self.overrides:
            key, equals, value = override.partition("=")
            if not equals:
                raise UsageError(f"--set {override}", hint="it is --set KEY=VALUE")
            flags[key] = value
        return flags

    def _paint(self, word: str) -> str:
        return f"\x1b[{_COLORS[word]}m{word}\x1b[0m" if self.colors(sys.stderr) else word

    def _write(self, text: str, label: str = "") -> None:
        """Write lines without what a terminal or a runner would obey: names come from anywhere."""
        shown = f"{label}{_UNPRINTABLE.sub(_escape, text)}\n"
        if self.annotates:
            shown = _COMMAND.sub(
                lambda found: f"{found[1]}: " if found[1] is not None else "# #", shown
            )
        with suppress(OSError):  # nobody is there to be told
            sys.stderr.write(shown)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "backslashreplace").decode()


def _is_tracked(file: Path) -> bool:
    """Ask git, which is imported only if there is a file to ask about."""
    from franc_gitops.repositories.git.tracking import is_tracked

    return is_tracked(file)
