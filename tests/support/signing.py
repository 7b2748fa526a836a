"""People who sign commits with real keys: ssh-keygen's and GnuPG's, made when a test asks.

signer = make_ssh_signer(folder, "ada")
with signs(clone, signer):
    clone.commit({"requests/a.yaml": …})
keys = signer.public            # a line or block for the file of trusted keys
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.git import environment
from tests.support.reaper import watch_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.git import Clone


@dataclass(frozen=True)
class Signer:
    """Somebody with a key; `settings` are those of git that sign with it."""

    name: str
    public: str
    settings: tuple[tuple[str, str], ...]


def make_ssh_signer(folder: Path, name: str) -> Signer:
    """Make an ssh key and its line of `allowed_signers`."""
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / name
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key))
    line = f"{name}@example.com {key.with_suffix('.pub').read_text()}"
    return Signer(name, line, (("gpg.format", "ssh"), ("user.signingkey", str(key))))


class Keyring:
    """A GnuPG home of its own, with its agent; its path is short, as the agent's socket needs."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
        watch_over(f"folder {self.folder}")
        self._program = self.folder / "gpg-here"
        self._program.write_text(f'#!/bin/sh\nexec gpg --homedir {self.folder} "$@"\n')
        self._program.chmod(0o700)

    def make_signer(self, name: str, *, expires: str = "never", at: str = "") -> Signer:
        """Make a key that signs; `at` is when, as YYYYmmddTHHMMSS, if not now."""
        past = ("--faked-system-time", at) if at else ()
        user = f"{name} <{name}@example.com>"
        self.run(
            *past, "--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", expires
        )
        settings = (("gpg.format", "openpgp"), ("user.signingkey", f"{name}@example.com"))
        return Signer(name, self.export(name), (*settings, ("gpg.program", str(self._program))))

    def export(self, name: str) -> str:
        """Give the public key in armour."""
        return self.run("--armor", "--export", f"{name}@example.com")

    def revoke(self, name: str) -> str:
        """Take a key back, and give the public key that says so."""
        fingerprint = self.run("--with-colons", "--list-keys", f"{name}@example.com")
        number = next(line.split(":")[9] for line in fingerprint.splitlines() if line[:3] == "fpr")
        certificate = self.folder / "openpgp-revocs.d" / f"{number}.rev"
        text = certificate.read_text().replace(":-----BEGIN", "-----BEGIN")
        self.run("--import", stdin=text)
        return self.export(name)

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run gpg here and give its output."""
        return _run("gpg", "--homedir", str(self.folder), "--batch", *arguments, stdin=stdin)

    def close(self) -> None:
        """End the agent and forget the keys."""
        _run("gpgconf", "--homedir", str(self.folder), "--kill", "all")
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def signs(clone: Clone, signer: Signer) -> Iterator[None]:
    """Let every commit of the clone be signed by somebody."""
    for name, value in (*signer.settings, ("commit.gpgsign", "true")):
        clone.git("config", name, value)
    try:
        yield
    finally:
        for name, _ in (*signer.settings, ("commit.gpgsign", "")):
            clone.git("config", "--unset", name)


def _run(*command: str, stdin: str = "") -> str:
    done = subprocess.run(
        command, input=stdin, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
