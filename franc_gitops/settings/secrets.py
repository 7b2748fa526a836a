"""The daemon's secrets: from the environment, an untracked `.env` or a file that those name.

Never from a file that a pull request can change, and never shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops.errors import SettingsError
from franc_gitops.settings.sources import Given, read_named_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from franc_gitops.settings.faults import Faults
    from franc_gitops.settings.sources import Variables

_STRONG = re.compile(r"[!-~]{16,512}").fullmatch
_EXPECTED = "it must be 16 to 512 characters without spaces"
_WAY_OUT = "make one with `openssl rand -hex 32`"


class Secret(NamedTuple):
    """A secret of the daemon; `name` is the field of `Settings`."""

    name: str
    meaning: str

    @property
    def variable(self) -> str:
        """The variable that holds it."""
        return f"FRANC_{self.name.upper()}"

    @property
    def file_variable(self) -> str:
        """The variable that names a file which holds it."""
        return f"{self.variable}_FILE"


SECRETS: Mapping[str, Secret] = {
    secret.name: secret
    for secret in (
        Secret(
            "hook_secret",
            "What push hooks are checked with (`watch`: POST /hooks/push); unset, there are no "
            "hooks.",
        ),
        Secret(
            "http_token",
            "What the HTTP pages of `watch` ask for, health excepted: as a bearer token, or in a "
            "browser as the password; unset, whoever reaches the address may read.",
        ),
    )
}
VARIABLES = frozenset(
    name for secret in SECRETS.values() for name in (secret.variable, secret.file_variable)
)


def read_secrets(places: Sequence[Variables], faults: Faults) -> dict[str, Given]:
    """Read the secrets that are set; the first of `places` that has one wins."""
    found = {}
    for secret in SECRETS.values():
        given = _find(secret, places, faults)
        if given is not None:
            found[secret.name] = given
            if not _STRONG(str(given.value)):
                faults.add(given.origin, _EXPECTED, _WAY_OUT)
    return found


def _find(secret: Secret, places: Sequence[Variables], faults: Faults) -> Given | None:
    for place in places:
        if secret.variable in place and secret.file_variable in place:
            both = f"{secret.variable} and {secret.file_variable}"
            faults.add(place.origin, f"{both} are both set", "set one of them")
        if secret.variable in place:
            return place[secret.variable]
        if secret.file_variable in place:
            return _read(place, place[secret.file_variable], faults)
    return None


def _read(place: Variables, named: Given, faults: Faults) -> Given | None:
    try:
        value = read_named_file(place.base / str(named.value))
    except SettingsError as error:
        faults.add(named.origin, error.message)
        return None
    return Given(value, f"file named by {named.origin}")
