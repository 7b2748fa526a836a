"""Who signed a commit: git's own verification, against trusted keys and no others.

The keys are one file of the repository: lines of OpenSSH's `allowed_signers`, OpenPGP public
keys in armour, or both; `trusted_keys.py` says which version of it counts. Neither the keyring
nor the git settings of whoever runs this do.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from franc_gitops.errors import RepositoryError
from franc_gitops.model import Signature, Signatures, Trust
from franc_gitops.problems import problem
from franc_gitops.repositories.git.ancestry import shallow_commits
from franc_gitops.repositories.git.command import Git, environment
from franc_gitops.repositories.git.trusted_keys import Keys, TrustedKeys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from franc_gitops.model import Problem

_OPENPGP = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
_GPG_SETTINGS = """\
batch
no-tty
no-autostart
disable-dirmngr
no-auto-key-retrieve
trust-model always
"""
"""Every key in the folder is one that is trusted; nothing is asked of anybody else."""

_GPG_SECONDS = 60.0
_VERDICTS = {
    "G": Trust.TRUSTED,
    "N": Trust.UNSIGNED,
    "U": Trust.STRANGER,
    "E": Trust.STRANGER,
    "X": Trust.EXPIRED,
    "Y": Trust.EXPIRED,
    "R": Trust.REVOKED,
}
"""What git's `%G?` means; anything else is a bad signature."""


class SignatureChecker:
    """Verifies commits of the repository around `root` with the keys in one file."""

    def __init__(self, root: Path, keys: str, variables: Mapping[str, str] | None = None) -> None:
        """Take the folder and where the keys are: `PATH` from it, or `REV:PATH`.

        `variables` are set in git's environment.
        """
        self._root = root
        self._variables = variables or {}
        self._git = Git(root, variables)
        self._keys = TrustedKeys(self._git, keys, self._is_trusted)

    def __call__(self, published: str, commits: Collection[str]) -> Signatures:
        """Tell who signed each commit, by the keys that are trusted where `published` is."""
        keys = self._keys.find(published)
        warnings = (self._warn(keys.ignored),) if keys.ignored else ()
        return Signatures(self.check(keys, commits), warnings)

    def look(self, published: str) -> None:
        """Raise RepositoryError if the file of keys is not there; its history is not asked."""
        self._keys.look(published)

    def check(self, keys: Keys, commits: Collection[str]) -> dict[str, Signature]:
        """Tell who signed each commit; raises RepositoryError."""
        cut = shallow_commits(self._git)
        known = {commit for commit in commits if commit not in cut}
        found = {commit: Signature(Trust.UNKNOWN) for commit in commits if commit in cut}
        for file in keys.files:
            signatures = self._verify(file, sorted(known))
            found.update(signatures)
            known = {each for each in known if signatures[each].trust is Trust.TRUSTED}
        return found

    def _warn(self, ignored: str) -> Problem:
        return problem(
            "FRN432",
            self._keys.path,
            f"commit {ignored[:12]} changed the trusted keys without a signature that was trusted "
            "before: what it added does not count",
            hint="let somebody whose key was there before sign the change",
        )

    def _is_trusted(self, commit: str, keys: bytes) -> bool:
        return self.check(Keys((keys,)), [commit])[commit].trust is Trust.TRUSTED

    # --- who signed ---------------------------------------------------------------------------

    def _verify(self, keys: bytes, commits: Sequence[str]) -> dict[str, Signature]:
        """Let git verify the commits with the keys of one file, in one run.

        Git would take no commit for the current one: without any there is nothing to ask.
        """
        if not commits:
            return {}
        with TemporaryDirectory(prefix="franc-keys-") as folder:
            signers = Path(folder, "allowed_signers")
            signers.write_bytes(_OPENPGP.sub(b"", keys))
            _check_ssh(signers)
            _import_openpgp(Path(folder), _OPENPGP.findall(keys))
            git = Git(self._root, {**self._variables, "GNUPGHOME": folder})
            output = git.run(
                *_settings(signers), "log", "--no-walk=unsorted", "--stdin", "-z",
                "--format=%H%x01%G?%x01%GF%x01%GS",
                stdin="".join(f"{commit}\n" for commit in commits).encode(),
            )  # fmt: skip
        found = dict.fromkeys(commits, Signature(Trust.BAD))
        for line in output.decode(errors="replace").split("\0"):
            commit, _, rest = line.partition("\x01")
            if commit in found:
                verdict, key, signer = rest.split("\x01", 2)
                found[commit] = Signature(_VERDICTS.get(verdict, Trust.BAD), signer, key)
        return found


def _settings(signers: Path) -> Iterator[str]:
    """Give git settings that override those of whoever runs this."""
    for setting in (
        f"gpg.ssh.allowedSignersFile={signers}",
        "gpg.ssh.revocationFile=/dev/null",
        "gpg.ssh.program=ssh-keygen",
        "gpg.openpgp.program=gpg",
        "gpg.x509.program=false",
        "gpg.minTrustLevel=undefined",
        "log.showSignature=false",
    ):
        yield "-c"
        yield setting


def _check_ssh(signers: Path) -> None:
    """Refuse to go on without ssh-keygen: git would only say that nothing is signed."""
    from shutil import which

    lines = (line.strip() for line in signers.read_bytes().splitlines())
    if any(line and not line.startswith(b"#") for line in lines) and not which("ssh-keygen"):
        raise RepositoryError(
            "the trusted keys are ssh keys, and ssh-keygen is not installed",
            hint="install OpenSSH's client, or sign with OpenPGP keys",
        )


def _import_openpgp(folder: Path, keys: Sequence[bytes]) -> None:
    """Put the OpenPGP keys into a keyring of their own."""
    (folder / "gpg.conf").write_text(_GPG_SETTINGS)
    if not keys:
        return
    import subprocess

    try:
        subprocess.run(
            ["gpg", "--quiet", "--import"],
            input=b"\n".join(keys),
            env={**environment(), "GNUPGHOME": str(folder)},
            capture_output=True,
            timeout=_GPG_SECONDS,
            check=False,  # a key that is not imported is not trusted
        )
    except FileNotFoundError:
        raise RepositoryError(
            "the trusted keys are OpenPGP keys, and gpg is not installed",
            hint="install gnupg, or sign with ssh keys",
        ) from None
