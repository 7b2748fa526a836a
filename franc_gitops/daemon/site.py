"""What the dashboard knows of the installation: its name, its files, links to its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.daemon.dashboard import Site, make_links
from franc_gitops.errors import FrancError
from franc_gitops.problems import problem
from franc_gitops.wiring import find_origin, open_repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from franc_gitops.model import Problem, SourceFile
    from franc_gitops.settings import Settings
    from franc_gitops.wiring import Choices


def make_site(
    settings: Settings,
    choices: Choices,
    read: Callable[[SourceFile], bytes | Problem] | None = None,
) -> Site:
    """Describe the installation; `read` is for a repository that is not the settings' own."""
    origin = find_origin(settings)
    return Site(
        name=settings.root.name or str(settings.root),
        read=read or reader(settings, choices),
        links=make_links(settings.commit_url, origin.url, origin.prefix),
    )


def reader(settings: Settings, choices: Choices) -> Callable[[SourceFile], bytes | Problem]:
    """Give what reads a request file, from any thread: each call opens the repository anew."""

    def read(file: SourceFile) -> bytes | Problem:
        try:
            repository = open_repository(settings, choices)
            try:
                return next(content for _, content in repository.read([file]))
            finally:
                repository.close()
        except FrancError as error:
            return problem("FRN120", file.path, error.message, hint=error.hint)

    return read
