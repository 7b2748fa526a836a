"""Who signed a commit: git's own verification, against trusted keys and no others.

The keys are one file of the repository: lines of OpenSSH's `allowed_signers`, OpenPGP public
keys in armour, or both. Neither the keyring nor the git settings of whoever runs this count.

A pull request must not be able to add its own key. So the file is either taken from a revision
that is named with it, which must be out of a pull request's reach; or from the history that is
published itself, and then a change of it counts only if the commit that made it was signed with
a key that was trusted before.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import RepositoryError
from franc_gitops.model import Signature, Signatures, Trust
from franc_gitops.problems import problem
from franc_gitops.repositories.git.blobs import BlobReader
from franc_gitops.repositories.git.command import Git, environment
from franc_gitops.repositories.names import SIZE_LIMIT, shown

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


class Keys(NamedTuple):
    """The trusted keys: a commit must be signed with one that is in each of the `files`.

    `ignored` is the last commit that changed the file without a trusted signature.
    """

    files: tuple[bytes, ...]
    ignored: str = ""


class Change(NamedTuple):
    """One change of the keys file: the commit of the main line, and the new blob, if any."""

    commit: str
    blob: str


class SignatureChecker:
    """Verifies commits of the repository around `root` with the keys in one file."""

    def __init__(self, root: Path, keys: str, variables: Mapping[str, str] | None = None) -> None:
        """Take the folder and where the keys are: `PATH` from it, or `REV:PATH`.

        `variables` are set in git's environment.
        """
        self._root = root
        self._variables = variables or {}
        self._git = Git(root, variables)
        self._revision, _, self._path = keys.rpartition(":")

    def __call__(self, published: str, commits: Collection[str]) -> Signatures:
        """Tell who signed each commit, by the keys that are trusted where `published` is."""
        keys = self.find_keys(published)
        warnings = (self._warn(keys.ignored),) if keys.ignored else ()
        return Signatures(self.check(keys, commits), warnings)

    def find_keys(self, published: str) -> Keys:
        """Give the keys that are trusted where a commit is published; raises RepositoryError."""
        blob = self._find(self._revision or published)
        if self._revision:
            return Keys(tuple(self._read([blob])))
        return self._follow(published, blob)

    def check(self, keys: Keys, commits: Collection[str]) -> dict[str, Signature]:
        """Tell who signed each commit; raises RepositoryError."""
        cut = self._cut_off()
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
            self._path,
            f"commit {ignored[:12]} changed the trusted keys without a signature that was trusted "
            "before: what it added does not count",
            hint="let somebody whose key was there before sign the change",
        )

    # --- which keys ---------------------------------------------------------------------------

    def _find(self, revision: str) -> str:
        """Give the blob that is the file at a revision."""
        try:
            commit = self._git.run("rev-parse", "--verify", f"{revision}^{{commit}}").decode()
        except RepositoryError as error:
            raise _missing(f"{shown(revision)} is not a commit here", self._path) from error
        entry = self._git.run("ls-tree", commit.strip(), "--", self._path).decode()
        mode, _, rest = entry.partition(" ")
        if not mode.startswith("100"):
            raise _missing(f"there is no such file at {shown(revision)[:12]}", self._path)
        return rest.split()[1]

    def _follow(self, published: str, current: str) -> Keys:
        """Find the newest version of the file that was signed for, change by change."""
        changes = list(self._changes(published))
        if not changes or changes[0].commit in self._cut_off():
            raise _missing("the clone is shallow, and its history is not at hand", self._path)
        trusted, ignored = b"", ""
        for change, content in zip(changes, self._contents(changes), strict=True):
            if not trusted or self._is_signed(change, trusted):
                trusted, ignored = content, ""
            else:
                ignored = change.commit
        now = self._read([current])
        return Keys((trusted,) if now == [trusted] else (trusted, *now), ignored)

    def _changes(self, published: str) -> Iterator[Change]:
        """Give the changes of the file along the main line, the oldest first."""
        output = self._git.run(
            "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw",
            "--no-abbrev", "--no-renames", "--format=%H", published, "--", self._path,
        )  # fmt: skip
        commit = ""
        for line in output.decode(errors="replace").splitlines():
            if line.startswith(":"):
                _, _, _, blob, status, *_ = line.split()
                yield Change(commit, "" if status == "D" else blob)
            elif line:
                commit = line

    def _contents(self, changes: Sequence[Change]) -> Iterator[bytes]:
        """Give the file's content after each change; nothing where it was deleted."""
        contents = iter(self._read([change.blob for change in changes if change.blob]))
        for change in changes:
            yield next(contents) if change.blob else b""

    def _is_signed(self, change: Change, keys: bytes) -> bool:
        """Tell whether the commit that made the change was signed with one of the keys."""
        output = self._git.run("log", "-1", "--format=%H", change.commit, "--", self._path)
        commit = output.decode().strip()
        return self.check(Keys((keys,)), [commit])[commit].trust is Trust.TRUSTED

    def _read(self, blobs: Sequence[str]) -> list[bytes]:
        reader = BlobReader(self._git, SIZE_LIMIT)
        try:
            contents = list(reader.read(blobs))
        finally:
            reader.close()
        if any(content is None or len(content) > SIZE_LIMIT for content in contents):
            raise _missing("git does not give its content", self._path)
        return [content for content in contents if content is not None]

    def _cut_off(self) -> frozenset[str]:
        """Give the commits whose parents a shallow clone does not hold."""
        name = self._git.run("rev-parse", "--git-path", "shallow").decode().strip()
        try:
            return frozenset(Path(self._root, name).read_text("ascii").split())
        except FileNotFoundError:
            return frozenset()

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


def _missing(reason: str, path: str) -> RepositoryError:
    return RepositoryError(
        f"the trusted keys cannot be read from {shown(path)}: {reason}",
        hint="see require_signed_commits in docs/provenance.md; a CI job needs the whole history",
    )
