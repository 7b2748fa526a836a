"""A repository of our own for a while, so that a shallow clone stays as it is.

What is fetched without its history puts a border into the repository that fetches it. In the
clone such a second border keeps `git pull` from finding the way from one to the other. So a job
fetches into an annex instead, with the clone's settings, and makes its commits there; git sees
clone and annex as one, where `variables` are set in its environment.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.repositories.git.command import NO_HOOKS, Git, seeing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OF_THE_PLACE = ("core.bare", "core.worktree", "core.repositoryformatversion")
_SECTIONS_OF_THE_PLACE = ("extensions.", "include.", "includeif.", "branch.")


class Annex:
    """A bare repository in a folder for temporary files; `close` deletes it."""

    def __init__(self, root: Path) -> None:
        """Make it beside the clone that `root` is in."""
        clone = Git(root)
        told = clone.run(
            "rev-parse", "--path-format=absolute", "--git-path", "objects",
            "--git-path", "shallow", "--show-object-format", "--show-cdup",
        )  # fmt: skip
        objects, border, kind, up = told.decode(errors="surrogateescape").split("\n")[:4]
        folder = Path(tempfile.mkdtemp(prefix="franc-gitops-"))
        self.close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.git = Git(root / up, {"GIT_DIR": str(folder), **seeing(Path(objects))})
        self.git.run(*NO_HOOKS, "init", "-q", "--bare", "--template=", f"--object-format={kind}")
        self._take_settings(clone, folder / "config")
        shutil.copyfile(border, folder / "shallow")
        self.variables: Mapping[str, str] = {
            "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
            "GIT_SHALLOW_FILE": str(folder / "shallow"),
            **seeing(Path(objects)),
        }
        """What lets git see clone and annex, and write into the annex."""

    def _take_settings(self, clone: Git, file: Path) -> None:
        """Add what counts in the clone and not here, wherever it comes from."""
        missing = Counter(_settings(clone))
        missing.subtract(_settings(self.git))
        with file.open("a", errors="surrogateescape") as config:
            for (name, value), times in missing.items():
                if not _is_of_the_place(name):
                    config.write(_line(name, value) * times)


def is_shallow(root: Path) -> bool:
    """Tell whether the history of the clone that `root` is in is cut off."""
    return Git(root).run("rev-parse", "--is-shallow-repository") == b"true\n"


def _settings(git: Git) -> Iterator[tuple[str, str | None]]:
    """Give git's settings in their order; None for one that stands there without a value."""
    output = git.run("config", "--list", "--includes", "-z").decode(errors="surrogateescape")
    for entry in output.split("\0")[:-1]:
        name, is_given, value = entry.partition("\n")
        yield name, value if is_given else None


def _is_of_the_place(name: str) -> bool:
    return name in _OF_THE_PLACE or name.startswith(_SECTIONS_OF_THE_PLACE)


def _line(name: str, value: str | None) -> str:
    """Write a setting as git reads it."""
    section, _, rest = name.partition(".")
    subsection, _, key = rest.rpartition(".")
    head = f"[{section} {_quoted(subsection)}]" if "." in rest else f"[{section}]"
    return f"{head}\n\t{key}\n" if value is None else f"{head}\n\t{key} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'
