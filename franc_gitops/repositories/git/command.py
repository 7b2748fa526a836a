"""Running git so that neither the caller's environment nor anyone's settings change the answer.

The only place that starts git. Content is always asked for by object id, so nothing here
depends on the work tree, on attributes or on line-ending settings.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import IO, TYPE_CHECKING, NamedTuple, Self, cast

from franc_gitops.errors import RepositoryError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

STREAM_BLOBS_FROM = "1m"
"""Larger blobs are passed through by git piece by piece instead of held in its memory."""

_OPTIONS = (
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c",
    "core.quotePath=false",
    "-c",
    f"core.bigFileThreshold={STREAM_BLOBS_FROM}",
)

NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
"""For commands that write: the clone's hooks are for people. A remote's own hooks always run."""

_FORGOTTEN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_INTERNAL_SUPER_PREFIX",
)
"""What git sets for its hooks and what would point away from the folder that was asked for.

`GIT_OBJECT_DIRECTORY` and its alternates stay: in a `pre-receive` hook the pushed commits are
only to be found there. `GIT_CONFIG_*` stays: it is how CI systems set `safe.directory`.
"""

_PATIENCE = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
"""A remote that sends nothing for a minute is given up, unless the environment says otherwise."""

_CHUNK = 1 << 16


def environment() -> dict[str, str]:
    """Give the environment that git runs in: messages in English, no question to the terminal."""
    kept = {name: value for name, value in os.environ.items() if name not in _FORGOTTEN}
    quiet = {"LC_ALL": "C", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0"}
    return {**_PATIENCE, **kept, **quiet}


_ALTERNATES = "GIT_ALTERNATE_OBJECT_DIRECTORIES"


def seeing(objects: Path) -> dict[str, str]:
    """Give the variables with which git also sees the objects that are kept in another folder."""
    name = str(objects)
    if os.pathsep in name or name.startswith('"'):
        name = '"{}"'.format(name.replace("\\", r"\\").replace('"', r"\""))
    others = os.environ.get(_ALTERNATES)
    return {_ALTERNATES: f"{name}{os.pathsep}{others}" if others else name}


class GitMissing(RepositoryError):
    """There is no git on this machine."""


class NotARepository(RepositoryError):
    """The folder is in no git repository."""


class GitTooSlow(RepositoryError):
    """Git did not end in the time that it was given; it was killed, and all that it started."""


class Outcome(NamedTuple):
    """How a git that may fail ended: exit code, standard output, messages."""

    code: int
    output: bytes
    messages: str


class Git:
    """The git command in one folder."""

    def __init__(
        self, root: Path, variables: Mapping[str, str] | None = None, *, apart: bool = False
    ) -> None:
        """Take the folder and what is to be set in git's environment; nothing is run yet.

        What runs `apart` is not ended by Ctrl-C on our terminal, and asks nothing there.
        """
        self.root = root
        self._apart = apart
        self._attempts: set[Process] = set()
        self._is_given_up = False
        self._environment = {**environment(), **(variables or {})}

    @property
    def shallow_file(self) -> str:
        """Where the history is said to end, if not where the repository says it; else empty."""
        return self._environment.get("GIT_SHALLOW_FILE", "")

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run to the end and give the standard output; raises RepositoryError."""
        with self.start(*arguments, stdin=bool(stdin)) as process:
            output = process.exchange(stdin)
            process.finish()
        return output

    def attempt(
        self,
        *arguments: str,
        stdin: bytes = b"",
        seconds: float | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run to the end and tell how it went; raises GitTooSlow after so many seconds.

        With a time limit git runs in a session of its own, without a terminal: so whatever it
        has started (ssh, a hook of a local remote) can be ended with it, and none can ask.
        """
        made = self.start(
            *arguments, stdin=bool(stdin), alone=seconds is not None, variables=variables
        )
        with made as process:
            self._attempts.add(process)
            try:
                if self._is_given_up:
                    process.kill()
                output = process.exchange(stdin, seconds)
                return Outcome(process.wait(), output, process.messages())
            finally:
                self._attempts.discard(process)

    def give_up(self) -> None:
        """End what `attempt` waits for, now and from now on; for another thread than that."""
        self._is_given_up = True
        for process in tuple(self._attempts):
            process.kill()

    def start(
        self,
        *arguments: str,
        stdin: bool = False,
        alone: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> Process:
        """Start git; the caller reads from it and must leave its `with` block.

        `alone` gives it a session of its own, `variables` are added to its environment.
        """
        import subprocess
        import tempfile

        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            process = subprocess.Popen(
                ["git", "-C", str(self.root), *_OPTIONS, *arguments],
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**self._environment, **(variables or {})},
                bufsize=0,
                start_new_session=alone or self._apart,
            )
        except OSError as error:
            errors.close()
            raise _not_started(error) from error
        return Process(process, errors, self.root, arguments, is_alone=alone)


class Process:
    """One running git; killed when its `with` block is left before it ended."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
        root: Path,
        arguments: tuple[str, ...],
        *,
        is_alone: bool = False,
    ) -> None:
        """Take the started process and the file that its messages go to."""
        self._process = process
        self._is_alone = is_alone
        self._errors = errors
        self._root = root
        self._arguments = arguments
        self.input = process.stdin
        self.output = cast("IO[bytes]", process.stdout)

    def __enter__(self) -> Self:
        """Give the process itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make sure that nothing keeps running."""
        self.close()

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def read(self, size: int = _CHUNK) -> bytes:
        """Give what git has written meanwhile, at most `size` bytes; nothing at its end."""
        return os.read(self.output.fileno(), size)

    def chunks(self) -> Iterator[bytes]:
        """Give all output piece by piece; raises RepositoryError if git fails at the end."""
        while chunk := self.read():
            yield chunk
        self.finish()

    def write(self, data: bytes) -> None:
        """Send to git's standard input; a git that is gone is noticed by who reads from it."""
        left = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while left and self.input:
                left = left[self.input.write(left) :]

    def exchange(self, data: bytes, seconds: float | None = None) -> bytes:
        """Send everything, read everything, without either side waiting for ever."""
        from subprocess import TimeoutExpired

        try:
            return self._process.communicate(data or None, seconds)[0]
        except TimeoutExpired as error:
            raise GitTooSlow(f"git {_verb(self._arguments)} did not end in time") from error

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def wait(self) -> int:
        """Wait for the end and give the exit code."""
        return self._process.wait()

    def finish(self) -> None:
        """Wait for the end; raises RepositoryError when git failed."""
        if self._process.wait():
            raise self.failure()

    def failure(self) -> RepositoryError:
        """Give the error that git's messages stand for, once it has ended."""
        self._process.wait()
        return explain(self.messages(), self._root, self._arguments)

    def messages(self) -> str:
        """Give what git has said on standard error."""
        self._errors.seek(0)
        return self._errors.read(_CHUNK).decode(errors="replace")

    def close(self) -> None:
        """Kill git if it still runs, and let go of its pipes."""
        if self._process.poll() is None:
            self.kill()
            self._process.wait()
        for pipe in (self.input, self.output, self._errors):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        """Kill git, and where it is alone in its session all that it has started, too."""
        if self._is_alone:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()


def _verb(arguments: tuple[str, ...]) -> str:
    """Give the name of the git command behind its `-c name=value` options."""
    words = iter(arguments)
    for word in words:
        if word != "-c":
            return word
        next(words)
    return ""


def explain(messages: str, root: Path, arguments: tuple[str, ...]) -> RepositoryError:
    """Turn git's messages into an error that says what to do."""
    for sign, kind, message, hint in _CAUSES:
        if sign in messages:
            return kind(message.format(root=root), hint=hint.format(root=root))
    lines = [line for line in messages.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    reason = (fatal or lines or ["it gave no reason"])[0]
    return RepositoryError(f"git {_verb(arguments)} failed in {root}: {reason}")


_CAUSES = (
    (
        "dubious ownership",
        RepositoryError,
        "git refuses to read {root}: it belongs to another user",
        "git config --global --add safe.directory {root}, or run as the owner",
    ),
    (
        "not a git repository",
        NotARepository,
        "{root} is not a git repository",
        "run inside a clone, or read the plain folder with --worktree",
    ),
    (
        "cannot change to",
        RepositoryError,
        "the folder {root} does not exist or cannot be entered",
        "check the path",
    ),
)


def _not_started(error: OSError) -> RepositoryError:
    if isinstance(error, FileNotFoundError):
        return GitMissing(
            "git is not installed, or not on PATH",
            hint="install git, or read the plain folder with --worktree",
        )
    return RepositoryError(f"git cannot be started: {error.strerror}")
