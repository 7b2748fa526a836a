"""Push hooks: whether a call comes from who knows the secret. It wakes the loop, no more.

GitHub and Gitea sign the body (`X-Hub-Signature-256`), GitLab sends the secret
(`X-Gitlab-Token`), and so may anybody (`Authorization: Bearer`). The body is not looked into:
what there is to publish is read from git, so that a lost, repeated or forged call changes
nothing but when.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_BODY = 25 << 20
"""GitHub sends no more; it is hashed piece by piece and never kept."""

_SIGNATURE = "x-hub-signature-256"
_GITLAB = "x-gitlab-token"
_PLAIN = "authorization"


class Check:
    """Checks one call: fed with its body, then asked with its headers."""

    def __init__(self, secret: str) -> None:
        """Take the secret that both sides know."""
        self._secret = secret.encode()
        self._digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        self._size = 0

    def feed(self, piece: bytes) -> bool:
        """Take a piece of the body; tell whether it is still small enough."""
        self._size += len(piece)
        self._digest.update(piece)
        return self._size <= LARGEST_BODY

    def passes(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the caller knows the secret; takes as long whatever is wrong.

        A call that is signed must be signed rightly, whatever else it brings.
        """
        signature = headers.get(_SIGNATURE)
        if signature is not None:
            return _same(f"sha256={self._digest.hexdigest()}".encode(), signature)
        token = headers.get(_GITLAB)
        if token is None:
            scheme, _, token = headers.get(_PLAIN, "").partition(" ")
            token = token if scheme.lower() == "bearer" else ""
        return _same(self._secret, token)


def _same(expected: bytes, given: str) -> bool:
    return hmac.compare_digest(expected, given.encode(errors="replace"))
