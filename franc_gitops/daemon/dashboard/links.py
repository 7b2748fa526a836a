"""Web addresses of commits and files, derived from a remote's address or given by a setting."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

_SCP = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!/)([^\s]+)").fullmatch
_URL = re.compile(r"(https?|ssh|git)://(?:[^@/\s]*@)?([A-Za-z0-9.-]+)(:\d+)?/([^\s]+)").fullmatch


class Links(NamedTuple):
    """Address patterns, empty where there is nothing to link to."""

    commit_pattern: str = ""
    file_pattern: str = ""

    def commit(self, commit: str) -> str:
        """Give the address of a commit."""
        return self.commit_pattern.replace("{commit}", quote(commit)) if commit else ""

    def file(self, commit: str, path: str) -> str:
        """Give the address of a file at a commit."""
        if not commit:
            return ""
        return self.file_pattern.replace("{commit}", quote(commit)).replace("{path}", quote(path))


def make_links(commit_url: str, remote: str, prefix: str = "") -> Links:
    """Make links from the setting, else from the address of the remote; secrets in it are left out.

    `prefix` is where the requests' root is in the repository, with a slash at its end.
    """
    if commit_url:
        return Links(commit_url)
    base = _web_address(remote)
    if not base:
        return Links()
    host = base.split("/")[2]
    inner = "/-" if "gitlab" in host else ""
    commits, files = ("commits", "src") if "bitbucket" in host else ("commit", "blob")
    where = f"{base}{inner}/{files}/{{commit}}/{quote(prefix)}{{path}}"
    return Links(f"{base}{inner}/{commits}/{{commit}}", where)


def _web_address(remote: str) -> str:
    """Give `https://host/owner/name` of a remote on a host; nothing for a folder."""
    found = _URL(remote)
    if found:
        scheme, host, port, path = found.groups()
        kept = scheme if scheme == "http" else "https"
        place = host + (port or "" if scheme.startswith("http") else "")
    else:
        short = _SCP(remote)
        if not short or not ("@" in remote or "." in short[1]):
            return ""  # a folder, also one on a drive of Windows
        (place, path), kept = short.groups(), "https"
    path = path.removesuffix("/").removesuffix(".git").strip("/")
    return f"{kept}://{place}/{quote(path, safe='/~')}"
