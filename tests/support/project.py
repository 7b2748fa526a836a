"""A repository of requests and the command line run in it, as a user or a CI job does."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.corpus import request_text
from tests.support.git import Clone, environment, new_repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMAND = (sys.executable, "-m", "franc_gitops")


@dataclass
class Project:
    """A git repository with requests; `settings` are the variables of its environment."""

    clone: Clone
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The repository's folder."""
        return self.clone.root

    def add(self, numbers: range, message: str = "Order changes") -> str:
        """Commit one request file for each number."""
        files = {f"requests/{n // 1000:04d}/{n:06d}.yaml": request_text(n) for n in numbers}
        return self.clone.commit(files, message)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line and go on."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.root,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, stdin: str | bytes | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line and wait for its end."""
        content = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.root,
            env={**self.variables(), **variables},
            input=content,
            stdin=subprocess.DEVNULL if content is None else None,
            capture_output=True,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode(errors="replace")
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def json(self, *arguments: str, exit_code: int = 0, **variables: str) -> Any:  # noqa: ANN401 - whatever JSON it printed
        """Run with `-o json`, check the exit code, and give what was printed."""
        done = self.run(*arguments, "-o", "json", **variables)
        assert done.returncode == exit_code, done.stderr + done.stdout
        return json.loads(done.stdout)

    def status_files(self) -> dict[str, bytes]:
        """Give the status files by their path below `status/`."""
        folder = self.root / "status"
        return {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*.yaml"))
            if file.name != ".ledger.yaml"
        }

    def variables(self) -> dict[str, str]:
        """The environment: ours and git's, without that of whoever runs the tests."""
        kept = {
            name: value
            for name, value in environment().items()
            if not name.startswith(("KAFKA_", "FRANC_"))
        }
        return {**kept, **self.settings}


def new_project(root: Path, settings: Mapping[str, str] | None = None) -> Project:
    """Make an empty repository."""
    return Project(new_repository(root), dict(settings or {}))
