"""A working set-up for an empty repository: what `init` writes, as paths and texts.

The files are in `files/`, as they are written but for the words between at signs. They are
at the same time the examples for CI systems: tests hold them against the systems' own schemas
and run what is in them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from franc_gitops import __version__, kinds, schemas
from franc_gitops.scaffold import EXAMPLE_CHANGE, place_of, scaffold
from franc_gitops.settings.model import FILE_NAME
from franc_gitops.settings.schema import configuration_schema
from franc_gitops.status_schema import status_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLE_TYPE = "device_connection"
CI = {"github": ".github/workflows/franc-gitops.yml", "gitlab": ".gitlab-ci.yml", "none": ""}
"""The CI systems that there is a set-up for, and the file that it is in."""
_OWNERS = {"github": ".github/CODEOWNERS", "gitlab": ".gitlab/CODEOWNERS"}
_NOBODY = "@your-organisation/your-team"
_EXAMPLE = """\
# An example, taken back by its last line: nothing is sent for it as long as that line is there.
"""


def own_files(ci: str, branch: str) -> Mapping[str, str]:
    """Give the files that are ours alone: there must be none of them before."""
    found = {FILE_NAME: _text("franc-gitops.yaml"), **dict(_example()), **dict(_schemas())}
    if path := CI[ci]:
        words = {"BRANCH": branch, "PACKAGE": f"franc-gitops=={__version__}"}
        found[path] = _text(f"{ci}.yml", **words)
    return found


def shared_files(ci: str, owner: str) -> Mapping[str, str]:
    """Give the files that a repository may have already, with lines of others."""
    found = {
        ".gitattributes": _text("gitattributes"),
        ".gitignore": _text("gitignore"),
        ".pre-commit-config.yaml": _text("pre-commit.yaml"),
    }
    if path := _OWNERS.get(ci):
        mark = "" if owner else "# "
        found[path] = _text("codeowners", MARK=mark, OWNER=owner or _NOBODY, CI=CI[ci])
    return found


def _text(name: str, **words: str) -> str:
    text = (files(__name__) / "files" / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def _example() -> Iterator[tuple[str, str]]:
    """Give a request that is complete, and that nothing is sent for."""
    kind = kinds.by_type(EXAMPLE_TYPE)
    path = place_of("requests", kind, EXAMPLE_CHANGE, None)
    schema = f"{'../' * path.count('/')}schemas/{kind.type}.schema.json"
    modeline, rest = scaffold(kind, schema=schema).split("\n", 1)
    yield path, f"{modeline}\n{_EXAMPLE}{rest}cancel: this is an example\n"


def _schemas() -> Iterator[tuple[str, str]]:
    """Give the schemas that editors are pointed to."""
    own = {"config": configuration_schema(), "status": status_schema()}
    for name, schema in {**schemas.request_schemas(), **own}.items():
        yield f"schemas/{name}.schema.json", schemas.encode(schema)
