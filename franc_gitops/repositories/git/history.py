"""Which commit last touched each path: `git log -1 -- path` for many paths in one walk.

For a path that exists, git's history simplification follows a single line: from a commit to
its first parent that holds the path with the same content and mode. The commit without such
a parent is the one that touched it. So every path stands at one commit at a time, all start
at the same one, and the walk moves them down together:

    git rev-list (commits and their parents)  →  git diff-tree (what differs between them)

First the newest commits are looked at, by date; paths that were last touched long ago, or
come to a commit after it has passed because clocks were wrong, take a second, slower walk.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from franc_gitops.model import Provenance
from franc_gitops.repositories.git.ancestry import shallow_commits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from franc_gitops.repositories.git.command import Git, Process
    from franc_gitops.repositories.git.links import Way

_NEWEST = 2000
"""So many commits are looked at one by one before git is asked to leave out the others."""

_FEW = 5
"""Up to so many paths git is asked about them alone, above about the whole folder."""

_MANY = 100
"""From so many parts of links on git is asked about the folders that they are in."""

_MARK = b"=\n"
"""What is no object id is echoed by `diff-tree --stdin`, which then also flushes its output."""

_BLOCK = 2000
"""Bytes of `rev-list` output that are looked at together, a few dozen commits."""

_PAGE = 4000
"""Bytes of questions sent before the answers are read: they fit into any pipe (a page at
least), so that neither side ever waits for the other."""

Commit = tuple[str, list[str]]
"""A commit and its parents, as far as git was asked to show them."""

Pair = tuple[str, str]
"""A commit and one of its parents."""


def find_provenance(
    git: Git, start: str, folder: str, paths: Sequence[str]
) -> dict[str, Provenance]:
    """Give for each path that exists in `start` the commit that last touched it.

    Paths and folder are relative to git's root. In a shallow clone the oldest commit at hand
    is the one that touched everything it holds. Raises RepositoryError.
    """
    found = _find(git, _Walk(git, start, [f"{folder}/"]), paths)
    return {path: found[path] for path in paths if path in found}


def find_provenance_of_links(
    git: Git, start: str, ways: Mapping[str, Way]
) -> dict[str, Provenance]:
    """Give for each link the commit that last touched anything on its way, and all others.

    It is what `git log -1 -- WAY…` names: the one since which the link gives the same content.
    """
    if not ways:
        return {}
    parts: dict[str, set[str]] = defaultdict(set)
    for way in ways.values():
        for part in way:
            parts[part] |= {part, _together(way)}
    path, way = next(iter(ways.items()))
    up = "../" * way[0].removesuffix(path).count("/")
    scope = sorted(parts)
    if len(scope) > _MANY:
        scope = sorted({part.partition("/")[0] for part in parts})
    walk = _Walk(git, start, [up + name for name in scope], parts)
    found = _find(git, walk, {key for keys in parts.values() for key in keys})
    return {path: _with_others(found, way) for path, way in ways.items()}


def _together(way: Way) -> str:
    """Name the way as a whole among the paths, none of which has a NUL in it."""
    return "\0".join(way)


def _with_others(found: Mapping[str, Provenance], way: Way) -> Provenance:
    last = found[_together(way)]
    others = {found[part].commit for part in way} - {last.commit}
    return last._replace(others=tuple(sorted(others)))


def _find(git: Git, walk: _Walk, paths: Collection[str]) -> dict[str, Provenance]:
    """Let the paths go all ways down, and describe the commits that they have arrived at."""
    left = set(paths)
    for way in (walk.look_at_newest, walk.look_at_touching):
        if left:
            left = way(left)
    commits = describe(git, sorted(set(walk.found.values())))
    for cut in walk.ends & shallow_commits(git) if walk.ends else ():
        commits[cut] = commits[cut]._replace(is_cut=True)
    return {path: commits[commit] for path, commit in walk.found.items()}


class _Walk:
    """Paths on their way down the history; `found` are those that have arrived.

    Some may have arrived at one of the `ends`, commits without a parent here.

    Each way down starts at the top again and gives the paths that have not arrived.
    """

    def __init__(
        self,
        git: Git,
        start: str,
        scope: list[str],
        parts: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Take where it begins and all that git is to compare, from the root.

        With `parts` other things than paths go down: these are named from the top of the
        repository, and each is a part of the things that it is mapped to.
        """
        self._git = git
        self._start = start
        self._scope = scope
        self._parts = parts
        self.found: dict[str, str] = {}
        self.ends: set[str] = set()

    def look_at_newest(self, paths: set[str]) -> set[str]:
        """Look at all of the newest commits: where pending files nearly always come from."""
        return self._descend(paths, [f"--max-count={_NEWEST}"], [])

    def look_at_touching(self, paths: set[str]) -> set[str]:
        """Look at the whole history, but let git leave out commits that do not touch the paths.

        It must give children before parents: else, where clocks were wrong, it leaves out too
        much (a merge that is shown before its child is simplified before the child's parents).
        """
        is_few = self._parts is None and len(paths) <= _FEW
        scope = sorted(paths) if is_few else self._scope
        return self._descend(paths, ["--full-history", "--topo-order"], scope)

    def _descend(self, paths: set[str], selection: list[str], scope: list[str]) -> set[str]:
        at: dict[str, set[str]] = {}
        listing = ("rev-list", "--parents", *selection, self._start, "--", *scope)
        names = "--relative" if self._parts is None else "-t"
        comparison = ("diff-tree", "--stdin", *_NAMES_ONLY, names, "--", *(scope or self._scope))
        with (
            self._git.start(*listing) as history,
            self._git.start(*comparison, stdin=True) as changes,
        ):
            for commits in _read_commits(history):
                if paths:  # the first commit is where the history, as far as it is shown, starts
                    at[commits[0][0]], paths = paths, set()
                pairs = _reachable_pairs(commits, at)
                differing = map(self._changed, _compare(changes, pairs))
                changed = dict(zip(pairs, differing, strict=True))
                for commit, parents in commits:
                    self._settle(commit, parents, at, changed)
                if not at:
                    break
        return paths.union(*at.values())

    def _settle(
        self,
        commit: str,
        parents: list[str],
        at: dict[str, set[str]],
        changed: dict[Pair, set[str]],
    ) -> None:
        """Send each path on to the first parent that holds the same; the others have arrived."""
        left = at.pop(commit, set())
        for parent in parents:
            if not left:
                return
            touched = left & changed[commit, parent]
            left -= touched
            _join(at, parent, left)
            left = touched
        self.found.update(dict.fromkeys(left, commit))
        if left and not parents:
            self.ends.add(commit)

    def _changed(self, names: set[str]) -> set[str]:
        """Give what has changed, by the names of the files (and folders) that differ."""
        if self._parts is None:
            return names
        return {each for name in names for each in self._parts.get(name, ())}


_NAMES_ONLY = ("-r", "-z", "--name-only", "--no-commit-id", "--no-renames")


def _read_commits(history: Process) -> Iterator[list[Commit]]:
    """Give what `rev-list --parents` has written meanwhile, commit by commit."""
    left = b""
    while block := history.read(_BLOCK):
        *lines, left = (left + block).split(b"\n")
        words = [line.decode().split() for line in lines]
        yield [(commit, parents) for commit, *parents in words]
    history.finish()


def _reachable_pairs(commits: list[Commit], at: dict[str, set[str]]) -> list[Pair]:
    """Give the comparisons that may be needed; commits without any path on them need none."""
    reachable = set(at)
    pairs = []
    for commit, parents in commits:
        if commit in reachable:
            reachable.update(parents)
            pairs += [(commit, parent) for parent in parents]
    return pairs


def _join(at: dict[str, set[str]], commit: str, paths: set[str]) -> None:
    """Add paths to those that stand at a commit; the larger set takes in the smaller one."""
    if paths:
        there = at.get(commit, paths)
        larger, smaller = (there, paths) if len(there) >= len(paths) else (paths, there)
        larger |= smaller
        at[commit] = larger


def _compare(changes: Process, pairs: list[Pair]) -> Iterator[set[str]]:
    """Yield the paths that differ between each commit and parent."""
    step = _PAGE // (len("".join(pairs[0])) + 4) if pairs else 1
    for at in range(0, len(pairs), step):
        asked = pairs[at : at + step]
        changes.write(b"".join(b"%s %s\n%s" % (*map(str.encode, pair), _MARK) for pair in asked))
        yield from _read_changes(changes, len(asked))


def _read_changes(changes: Process, count: int) -> list[set[str]]:
    """Read the answers: names with a NUL behind each, and a mark at the end of each answer."""
    answers: list[set[str]] = [set()]
    left = b""
    while len(answers) <= count:
        block = changes.read()
        if not block:
            raise changes.failure()
        *tokens, left = (left + block).split(b"\0")
        for token in tokens:
            name = _skip_marks(token, answers)
            answers[-1].add(name.decode(errors="surrogateescape"))
        left = _skip_marks(left, answers)
    return answers[:-1]


def _skip_marks(name: bytes, answers: list[set[str]]) -> bytes:
    """Begin another answer for each mark before a name; no name begins with one."""
    while name.startswith(_MARK):
        answers.append(set())
        name = name.removeprefix(_MARK)
    return name


def describe(git: Git, commits: Sequence[str]) -> dict[str, Provenance]:
    """Give committer time and author of commits; an impossible time counts as 1970."""
    if not commits:
        return {}
    output = git.run(
        "rev-list", "--no-walk=unsorted", "--stdin", "--encoding=UTF-8",
        "--format=%H%n%ct%n%an <%ae>", stdin="".join(f"{commit}\n" for commit in commits).encode(),
    )  # fmt: skip
    lines = output.decode(errors="replace").split("\n")
    return {
        commit: Provenance(commit, _time(seconds), author)
        for commit, seconds, author in zip(lines[1::4], lines[2::4], lines[3::4], strict=True)
    }


def _time(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
