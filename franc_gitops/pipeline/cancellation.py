"""Request files + what is to be cancelled → the files with `cancel: reason` in them.

In: contents by path, change numbers or request ids, a reason. Out: an `Edit` per request that is
meant, with its file as it must become; nothing is written here. A file that is edited is judged
again as `validate` does, so that what is written can be published.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from franc_gitops import kinds
from franc_gitops.errors import UsageError
from franc_gitops.kinds.common import COMMON
from franc_gitops.model import Document, Phase, Problem
from franc_gitops.pipeline.load import load_file
from franc_gitops.problems import problem
from franc_gitops.strict_yaml import CannotEdit, Refused, add_field, examine, load, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from franc_gitops.pipeline.checks import Checks

_CHANGE = re.compile(rb"CHG-\d{4}-\d{6}")


class Wish(NamedTuple):
    """What is to be cancelled: words, each a change number or request id, and a choice of them."""

    words: Sequence[str]
    reason: str
    type: str = ""
    item: str = ""


class Edit(NamedTuple):
    """One request that is meant, and the line of its `cancel`; `was` is what it said before."""

    request_id: str
    path: str
    line: int
    reason: str
    was: str = ""

    @property
    def is_new(self) -> bool:
        """Whether `cancel` was written now."""
        return not self.was


@dataclass
class Cancellation:
    """What was found and made of it; `files` maps path to new content."""

    edits: list[Edit] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Words that name no request that was chosen."""
    passed_over: list[str] = field(default_factory=list)
    """Requests that are named and were not chosen by type or item."""


def check_reason(reason: str) -> str:
    """Give the reason as it is written; raises UsageError for one that no file may hold."""
    text = reason.replace("\r\n", "\n").strip()
    try:
        load(f"cancel: {scalar(text)}".encode())
    except (Refused, UnicodeEncodeError):
        raise UsageError(
            "--reason holds a character that a request file must not hold",
            hint="no control or invisible characters; line breaks are fine",
        ) from None
    field = next(field for field in COMMON if field.name == "cancel")
    if not field.compile()(text):
        raise UsageError(f"--reason: {next(iter(field.explain(text, ('cancel',)))).message}")
    return text


def cancel(contents: Mapping[str, bytes], wish: Wish, checks: Checks) -> Cancellation:
    """Write the reason into all requests that are meant, in files that name their changes."""
    made = Cancellation(missing=list(wish.words))
    unread: list[Problem] = []
    for path, data in contents.items():
        loaded = load_file(path, data)
        meant = _choose(made, loaded.documents, wish)
        if loaded.problems:
            (made.problems if meant else unread).extend(loaded.problems)
        elif meant:
            _edit(made, path, data, meant, wish, checks)
    if made.missing:  # what is missing may stand in a file that cannot be read
        made.problems += unread
    made.problems += _repeated(made.edits)
    return made


def _choose(made: Cancellation, documents: Iterable[Document], wish: Wish) -> list[Document]:
    """Give the documents that are meant; note what was named and not chosen."""
    named = [found for found in documents if _word_of(found, wish)]
    meant = [found for found in named if _is_chosen(found, wish)]
    made.passed_over += [_request_id(found) for found in named if found not in meant]
    words = {_word_of(found, wish) for found in meant}
    made.missing = [word for word in made.missing if word not in words]
    return meant


def _edit(
    made: Cancellation,
    path: str,
    data: bytes,
    meant: Sequence[Document],
    wish: Wish,
    checks: Checks,
) -> None:
    """Edit one file; it is left as it is if any of its problems would hold it."""
    new = data
    for document in meant:
        if not document.fields.get("cancel"):
            try:
                new = add_field(new, document.index, "cancel", wish.reason, after="change_number")
            except CannotEdit:
                made.problems.append(_by_hand(document, wish.reason))
                return
    errors = [found for found in checks.check_file(path, new).problems if found.is_error]
    if errors:
        made.problems += errors
        return
    placed = examine(new).documents
    for document in meant:
        line = placed[document.index - 1].key_place(("cancel",)).line
        made.edits.append(_edit_of(document, line, wish.reason))
    if new != data:
        made.files[path] = new


def _edit_of(document: Document, line: int, reason: str) -> Edit:
    was = document.fields.get("cancel")
    said = was if isinstance(was, str) else ""
    return Edit(_request_id(document), document.path, line, said or reason, said)


def _word_of(document: Document, wish: Wish) -> str:
    """Give the word that names a document; nothing if none does."""
    names = (document.fields.get("change_number"), _request_id(document))
    return next((word for word in wish.words if word in names), "")


def _is_chosen(document: Document, wish: Wish) -> bool:
    fields = document.fields
    return wish.type in ("", fields.get("type")) and wish.item in ("", fields.get("item"))


def _request_id(document: Document) -> str:
    fields = document.fields
    kind = {kind.type: kind for kind in kinds.all_kinds()}.get(str(fields.get("type")))
    item = f"_{fields['item']}" if fields.get("item") else ""
    return f"{kind.request_prefix if kind else ''}{fields.get('change_number')}{item}"


def change_numbers(words: Iterable[str]) -> set[bytes]:
    """Give the change numbers that are in words or ids: what a file that is meant must hold."""
    return {
        found for word in words for found in _CHANGE.findall(word.encode(errors="surrogateescape"))
    }


def known_changes(contents: Iterable[bytes]) -> set[str]:
    """Give all change numbers that stand in files, to guess what was meant."""
    return {found.decode() for data in contents for found in _CHANGE.findall(data)}


def published_in(status_file: bytes, edit: Edit) -> bool | None:
    """Tell whether a status file says that a request is published; None if it does not name it."""
    try:
        rows = load(status_file)[0].get("requests")
    except Refused:
        return None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("request_id") == edit.request_id:
            return bool(row.get("events")) or row.get("phase") == Phase.COMPLETED
    return None


def _by_hand(document: Document, reason: str) -> Problem:
    return problem(
        "FRN422",
        document.path,
        f"`cancel` cannot be put into {_request_id(document)} without changing anything else",
        place=document.place,
        field="cancel",
        hint=f"write it by hand, below change_number: cancel: {reason}",
    )


def _repeated(edits: Sequence[Edit]) -> Iterator[Problem]:
    """Find requests that stand in several places: with all of them edited, all would be held."""
    for edit in edits:
        others = [f"{e.path}:{e.line}" for e in edits if e.request_id == edit.request_id]
        if len(others) > 1:
            yield problem(
                "FRN301",
                edit.path,
                f"{edit.request_id} stands in several places: {', '.join(others)}",
                hint="delete all but one of them first",
            )
