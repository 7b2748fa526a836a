"""Real git repositories for tests, made in a few milliseconds and the same in every run."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START = 1_750_000_000
"""Committer time of the first commit; each further commit is a minute later."""

AUTHOR = "Ada Lovelace <ada@example.com>"

Content = str | bytes | None
"""What a file gets; None deletes it."""


def environment(**more: str) -> dict[str, str]:
    """Git's environment without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    name, _, email = AUTHOR.removesuffix(">").partition(" <")
    identity = {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
    }
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    return {**kept, **identity, **quiet, **more}


@dataclass
class Clone:
    """A repository in a folder, with or without a work tree."""

    root: Path
    commits: int = 0

    def git(self, *arguments: str, stdin: bytes | None = None, **variables: str) -> str:
        """Run git here and give its output without the last line break; fails if git fails."""
        done = subprocess.run(
            ["git", "-C", self.root, *arguments],
            input=stdin,
            env=environment(**variables),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="surrogateescape").removesuffix("\n")

    def write(self, path: str, content: Content) -> Path:
        """Write or delete a file of the work tree."""
        file = self.root / path
        if content is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link in the work tree."""
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def commit(
        self,
        files: Mapping[str, Content] | None = None,
        message: str = "Change",
        seconds: int | None = None,
    ) -> str:
        """Write files, commit all there is but the embedded log, and give the commit's id."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self._add()
        options = ("--allow-empty", "--quiet", "-m", message)
        self.git("commit", *options, stdin=None, **self.next_date(seconds))
        return self.head

    def _add(self) -> None:
        """Add all there is; once more where a daemon replaces a status file at that moment."""
        arguments = ("add", "--all", "--force", "--", ".", ":(exclude,glob)**/.franc/**")
        for _ in range(5):
            with suppress(AssertionError):
                self.git(*arguments)
                return
        self.git(*arguments)

    def merge(self, *branches: str, message: str = "Merge") -> str:
        """Merge branches into the current one, always with a merge commit; give its id."""
        options = ("--no-ff", "--no-edit", "--quiet", "-m", message)
        self.git("merge", *options, *branches, stdin=None, **self.next_date())
        return self.head

    @property
    def head(self) -> str:
        """The id of the current commit."""
        return self.git("rev-parse", "HEAD")

    def last_touched(self, path: str) -> str:
        """What git itself says: the commit that last touched a path, empty if none did."""
        return self.git("--literal-pathspecs", "log", "-1", "--format=%H", "--", path)

    def next_date(self, seconds: int | None = None) -> dict[str, str]:
        """Give the variables that date the next commit: a minute later than the last one."""
        time = f"{START + 60 * self.commits if seconds is None else seconds} +0000"
        self.commits += 1
        return {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time}


def new_repository(root: Path, *options: str) -> Clone:
    """Make an empty repository; options are those of `git init`."""
    root.mkdir(parents=True, exist_ok=True)
    clone = Clone(root)
    clone.git("init", "--quiet", "--initial-branch=main", *options)
    return clone


def clone_repository(origin: Path, root: Path, *options: str) -> Clone:
    """Clone a repository as from far away, so that `--depth` and `--filter` mean something."""
    root.parent.mkdir(parents=True, exist_ok=True)
    Clone(root.parent).git("clone", "--quiet", *options, origin.as_uri(), str(root))
    return Clone(root)


class Planned(NamedTuple):
    """A commit to be imported: all its files (path → mode and content), parents by position."""

    files: Mapping[bytes, tuple[str, bytes]]
    parents: Sequence[int] = ()
    seconds: int = START


def import_history(clone: Clone, commits: Sequence[Planned]) -> None:
    """Write a whole history at once, however large; the last commit becomes `main`."""
    stream = b"".join(_commands(mark, commit) for mark, commit in enumerate(commits))
    clone.git("fast-import", "--quiet", "--force", stdin=stream)


def _commands(mark: int, commit: Planned) -> bytes:
    parents = [
        b"%s :%d\n" % (b"merge" if at else b"from", parent + 1)
        for at, parent in enumerate(commit.parents)
    ]
    files = [
        b'M %s inline "%s"\ndata %d\n%s\n' % (mode.encode(), _quoted(path), len(content), content)
        for path, (mode, content) in commit.files.items()
    ]
    head = (
        f"{'' if commit.parents else _RESET}commit refs/heads/main\n"
        f"mark :{mark + 1}\ncommitter {AUTHOR} {commit.seconds} +0000\ndata 0\n"
    )
    return head.encode() + b"".join((*parents, b"deleteall\n", *files))


_RESET = "reset refs/heads/main\n\n"


def _quoted(path: bytes) -> bytes:
    return b"".join(b"\\%03o" % byte for byte in path)
