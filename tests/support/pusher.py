"""A publisher in a process of its own that has nothing to do but to push, again and again.

    python -m tests.support.pusher CLONE LEDGER NUMBER ROUNDS

The ledger is a folder: each publisher has a file in it with a version that only grows. In each
round a publisher raises its own version, which stands for a publication, and pushes the status
files of all publishers, as it knows them. The code of a push that failed is printed.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from franc_gitops.errors import WriteBackFailed
from franc_gitops.pipeline.project import Present, StatusFile
from franc_gitops.repositories.git.command import Git
from franc_gitops.settings import load_settings
from franc_gitops.status_files import HEADER
from franc_gitops.wiring import open_write_back

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Known:
    """What a publisher knows at a moment: the version of each publisher."""

    commit: str
    ledger: Path
    versions: dict[str, int]
    log_name: str = "embedded"
    is_exact: bool = True

    def __iter__(self) -> Iterator[StatusFile]:
        for number, version in sorted(self.versions.items()):
            path = f"requests/{number}.yaml"
            text = f"{HEADER}file: {path}\nversion: {version}\n"
            yield StatusFile(path, f"{version:024x}", text.encode)

    def beyond(self, present: Present) -> Iterator[StatusFile]:
        """Say the same: this ledger's records have no seal."""
        del present
        return iter(self)

    @property
    def paths(self) -> list[str]:
        """Give the request files."""
        return [f"requests/{number}.yaml" for number in self.versions]

    def keep(self, path: str) -> bool:
        """Tell whether there is such a publisher."""
        return Path(path).stem in self.versions

    def at(self, commit: str) -> Known:
        """Know what the ledger says now."""
        return Known(commit, self.ledger, read(self.ledger))


def read(ledger: Path) -> dict[str, int]:
    """Give the version of each publisher."""
    return {file.name: int(file.read_text()) for file in ledger.iterdir() if file.suffix != ".new"}


def raise_version(ledger: Path, number: str) -> None:
    """Publish: replace a record, whole."""
    file = ledger / number
    version = int(file.read_text()) + 1 if file.exists() else 1
    new = file.with_suffix(".new")
    new.write_text(str(version))
    os.replace(new, file)  # noqa: PTH105


def main() -> None:
    """Publish and push so many times."""
    root, ledger, number, rounds = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
    settings = load_settings(root, {"write_back": "push"}, is_tracked=lambda _: False, environ={})
    commit = Git(root).run("rev-parse", "HEAD").decode().strip()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(rounds)):
        write_back = open_write_back(settings)
        assert write_back
        raise_version(ledger, number)
        known = Known(commit, ledger, read(ledger))
        try:
            write_back(known, known.keep, ())
        except WriteBackFailed as error:
            print(error.code, flush=True)


if __name__ == "__main__":
    main()
