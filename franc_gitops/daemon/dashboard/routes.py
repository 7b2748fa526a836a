"""The dashboard's routes: pages from templates, the stream of changes, and the assets."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from franc_gitops import __version__
from franc_gitops.daemon.dashboard import pages, words
from franc_gitops.daemon.dashboard.rows import type_title
from franc_gitops.daemon.dashboard.stream import Stream

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from franc_gitops.daemon.board import Board
    from franc_gitops.daemon.dashboard.pages import Site

_FOLDER = Path(__file__).parent
_LONGEST_SEARCH = 100


class Dashboard:
    """Answers with pages; each is drawn anew from the board, in a thread of the pool."""

    def __init__(self, board: Board, site: Site) -> None:
        """Take the board and what else there is to know."""
        self._board = board
        self._site = site
        self._templates = _environment()

    def routes(self) -> list[Route | Mount]:
        """Give the routes below `/`."""
        return [
            Route("/", self._overview),
            Route("/requests", self._list),
            Route("/requests/{key:path}", self._request),
            Route("/stream", Stream(self._board).listen),
            Mount("/static", StaticFiles(directory=_FOLDER / "static")),
        ]

    def _overview(self, _: Request) -> Response:
        view = self._board.view()
        return self._page("overview.html", view=view, overview=pages.overview(self._board, view))

    def _list(self, request: Request) -> Response:
        asked = request.query_params
        text, show = asked.get("q", "")[:_LONGEST_SEARCH], asked.get("show", "")
        found = pages.found(self._board, text, show, _page_number(asked.get("page", "")))
        if text and not show and found.total == 1:
            return RedirectResponse(_address(found.rows[0].key), 303)
        return self._page(
            "requests.html", view=self._board.view(), found=found, text=text, show=show
        )

    def _request(self, request: Request) -> Response:
        key, view = request.path_params["key"], self._board.view()
        detail = pages.detail(self._board, view, self._site, key)
        if detail is None and (now := self._board.register.repaired(key)):
            return RedirectResponse(_address(now), 303)
        if detail is None:
            return self._page("missing.html", 404, view=view, key=key)
        return self._page("request.html", view=view, detail=detail)

    def _page(self, template: str, code: int = 200, **values: object) -> HTMLResponse:
        page = self._templates.get_template(template)
        return HTMLResponse(page.render(site=self._site, version=__version__, **values), code)


def _page_number(text: str) -> int:
    return max(1, int(text)) if re.fullmatch("[0-9]{1,6}", text) else 1


def _address(key: str) -> str:
    """Give the page of a request."""
    return f"/requests/{quote(key)}"


def _query(**values: object) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def _moment(value: object) -> datetime | None:
    """Read a time of the board or of an event; None for anything else."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("franc_gitops.daemon.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "address": _address,
        "clock": lambda seconds: f"{datetime.fromtimestamp(seconds, UTC):%H:%M}",
        "duration": words.duration,
        "number": words.number,
        "moment": _moment,
        "type_title": type_title,
        "visible": words.visible,
    }
    environment.globals |= {"query": _query, "plural": words.plural}
    return environment
