"""Settings → the state folder, which is this machine's own and never git's."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from franc_gitops.settings import Settings


def state_folder(settings: Settings) -> Path:
    """Give the folder, which need not be there; raises StateFolderRefused if git tracks it."""
    state_check(settings)()
    return settings.root / settings.state_dir


def state_check(settings: Settings) -> Callable[[], None]:
    """Give what raises StateFolderRefused once git tracks anything in the folder."""
    return _check(settings.root, settings.state_dir)


@cache
def _check(root: Path, name: str) -> Callable[[], None]:
    from franc_gitops.repositories.git.state import StateFolderCheck

    return StateFolderCheck(root, name)
