"""The dashboard: what is pending, held and why, running and done, for people, live.

Pages are drawn on the server and work without a script; with it they are live. All assets are
in the package, and nothing is asked of any other host.

- routes.py  which address shows what
- pages.py   what each page shows; rows.py one request, charts.py the last hour, source.py a file
- words.py   how numbers, times and phases are said; links.py addresses of commits
- stream.py  tells browsers that something changed
"""

from __future__ import annotations

from franc_gitops.daemon.dashboard.links import Links, make_links
from franc_gitops.daemon.dashboard.pages import Site
from franc_gitops.daemon.dashboard.routes import Dashboard

__all__ = ["Dashboard", "Links", "Site", "make_links"]
