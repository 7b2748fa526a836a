"""Symbolic links among the requests: followed to files inside the repository, else a problem.

Links to folders are not entered, as in git itself, `find` and `**`: the same request would be
met under two names, and a link to a folder above would never end.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from franc_gitops.problems import problem
from franc_gitops.repositories.names import is_request_name

if TYPE_CHECKING:
    from franc_gitops.model import Problem


class LinkEnd(Enum):
    """Where a link that is not followed ends: a message and the way out."""

    OUTSIDE = ("the link leads out of the repository", "put the file itself into the repository")
    NOWHERE = ("the link leads to nothing", "delete the link, or restore what it leads to")
    CIRCLE = ("the link leads in a circle", "delete the link")
    FOLDER = ("the link leads to a folder", "move the folder, or link its files one by one")
    ODD = (
        "the link takes too long a way, or one through names that cannot be shown",
        "link the file itself, or put it there",
    )
    SPECIAL = ("the link leads to something that is not a file", "put the file itself there")


def link_problems(path: str, end: LinkEnd) -> list[Problem]:
    """Report a link that is not followed, unless it cannot have meant requests.

    A link with another name than a request file's is only reported where it may lead to a
    folder of requests, which would otherwise be passed over in silence.
    """
    if not is_request_name(path) and end not in {LinkEnd.FOLDER, LinkEnd.OUTSIDE}:
        return []
    message, hint = end.value
    return [problem("FRN122", path, message, hint=hint)]
