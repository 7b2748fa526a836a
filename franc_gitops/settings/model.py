"""Every setting, once: its name, form, default and meaning are the fields of `Settings`.

The names are those of `franc-gitops.yaml`; in the environment they are in capitals after
`FRANC_`. How to reach Kafka is a `KafkaConnection`, read from KAFKA_* variables alone.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from franc_gitops.freeze import Calendar
from franc_gitops.settings.forms import (
    BRANCH,
    COMMIT_URL,
    FOLDER,
    HTTP_ADDRESS,
    KEYS_FILE,
    PINS,
    SECONDS,
    Form,
    one_of,
    text,
)
from franc_gitops.settings.freezes import FREEZES
from franc_gitops.settings.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from franc_gitops.kafka_connection import KafkaConnection
    from franc_gitops.model import Pin
    from franc_gitops.settings.rules import Rules

T = TypeVar("T")

FILE_NAME = "franc-gitops.yaml"
PREFIX = "FRANC_"


class Key(NamedTuple):
    """A setting of the file: what `explain`, the JSON Schema and the reader know of it."""

    name: str
    form: Form
    default: Any
    meaning: str
    in_file: bool = True
    """Whether the file may set it, which a pull request can change."""

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return PREFIX + self.name.upper()


def _key(default: T, form: Form, meaning: str, *, in_file: bool = True) -> T:
    """Declare a field of `Settings` that the environment and, mostly, the file can set."""
    made: T = field(default=default, metadata={**_about(form, meaning), "in_file": in_file})
    return made


def _no_connection() -> KafkaConnection:
    """Give the defaults; imported here, because what needs no broker needs no such class."""
    from franc_gitops.kafka_connection import KafkaConnection

    return KafkaConnection()


def _about(form: Form, meaning: str) -> Mapping[str, Any]:
    return {"form": form, "meaning": meaning}


class KafkaSettings(NamedTuple):
    """Whether events go to Kafka, below which topic prefix, and how to get there."""

    enabled: bool
    topic_prefix: str
    connection: KafkaConnection
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one run goes by; never changes. `origins` says where each value came from."""

    root: Path
    """The folder that requests, status files and state are below."""

    requests_dir: str = _key("requests", FOLDER, "Folder of the request files.")
    status_dir: str = _key(
        "status", FOLDER, "Folder of the status files; each environment needs one of its own."
    )
    state_dir: str = _key(
        ".franc", FOLDER, "Folder of the embedded event log; git ignores it by itself."
    )
    write_back: str = _key(
        "files",
        one_of("files", "commit", "push", "off"),
        "What becomes of status files: written to the working tree (files), also committed to "
        "the checked-out branch (commit), pushed to the remote's branch without touching the "
        "working tree (push), or nothing (off).",
    )
    remote: str = _key(
        "",
        text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "the name of a remote, as `git remote` shows it"),
        "The remote that `watch` follows, and that status files are pushed to (write_back push); "
        "unset, the one that the checked-out branch follows, else origin.",
    )
    branch: str = _key(
        "",
        BRANCH,
        "The remote's branch that requests are merged to: `watch` follows it, and status files are "
        "pushed to it (write_back push); unset, the one that is checked out, or with a detached "
        "HEAD the one that holds the commit.",
    )
    status_branch: str = _key(
        "franc-gitops/status",
        BRANCH,
        "With write_back push: where status files go if their branch refuses them (exit code 6).",
    )
    commit_author: str = _key(
        "franc-gitops <franc-gitops@localhost>",
        text(
            r"[^<>\x00-\x20\x7f][^<>\x00-\x1f\x7f]{0,199} <[^<>\x00-\x20\x7f]{1,200}>",
            "Name <address>",
        ),
        "Author and committer of status commits.",
    )
    commit_message: str = _key(
        "Update status files [skip ci]",
        text(r"[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,199}", "one line of at most 200 characters"),
        "First line of the message of status commits; [skip ci] keeps most hosts from starting "
        "a pipeline for them, leave it out if they are to have one.",
    )
    push_timeout: float = _key(
        120.0,
        SECONDS,
        "With write_back push: how many seconds are spent on it at most, all tries together.",
    )
    completion: str = _key(
        "accept",
        one_of("accept", later=("track",)),
        "Who completes a request: accept is the publisher itself, which says what it really "
        "did (validated and published), never that a device was configured.",
    )
    source: str = _key(
        "franc-portal",
        text(r"[!-~]{1,200}", "a name or URI without spaces, at most 200 characters"),
        "The `source` of every event.",
    )
    user_id_from: str = _key(
        "",
        one_of("author"),
        "Where `user_id` comes from if a request has none: author is the commit's author; "
        "unset, it stays null.",
    )
    on_delete: str = _key(
        "keep",
        one_of("keep", later=("cancel",)),
        "What deleting the file of an unfinished request does: keep sends nothing and shows "
        "the request as orphaned. To cancel it belongs to completion: track, which is not in this "
        "version: the publisher finishes each request as it publishes it, so there is nothing that "
        "a deletion could cancel. To take a published request back, use `franc-gitops cancel`.",
    )
    require_signed_commits: str = _key(
        "",
        KEYS_FILE,
        "Publish only what was last touched by a commit that is signed with a trusted key; the "
        "value says in which file the trusted keys are: PATH in the commit that is published, or "
        "REV:PATH.",
        in_file=False,
    )
    ledger: tuple[Pin, ...] = _key(
        (),
        PINS,
        "The Kafka ledgers that may be published to, in place of those pinned in the status "
        "folder; any other is refused.",
    )
    rules: Rules = field(
        default_factory=dict,
        metadata=_about(
            RULES,
            "Allowed values per field, or per TYPE.FIELD, which comes first: a list, or a pattern "
            "that the whole value matches (syntax of RE2). A field named without a type is meant "
            "in every type that has it.",
        ),
    )
    freeze: Calendar = field(
        default_factory=Calendar,
        metadata=_about(
            FREEZES,
            "Times in which nothing new is published: requests are held as Scheduled until the "
            "end. Cancellations go out all the same; `publish --ignore-freeze` is for emergencies.",
        ),
    )

    interval: float = _key(
        300.0,
        SECONDS,
        "Seconds after which `watch` looks at everything again, whatever it was told of.",
    )
    poll: float = _key(
        5.0,
        SECONDS,
        "Seconds after which `watch` asks again what no event tells: the remote, a network folder.",
    )
    http: str = _key(
        "",
        HTTP_ADDRESS,
        "Where `watch` answers HTTP: HOST:PORT, or off; unset, 127.0.0.1:8080, or not at all if "
        "that is taken.",
    )
    commit_url: str = _key(
        "",
        COMMIT_URL,
        "Web address of a commit for links on the dashboard, with {commit} in its place; unset, "
        "it is derived from the remote `origin`.",
    )
    hook_secret: str = field(default="", repr=False)
    http_token: str = field(default="", repr=False)

    kafka_enabled: bool = False
    topic_prefix: str = "franc"
    kafka: KafkaConnection = field(default_factory=_no_connection)

    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def _default(entry: Field[Any]) -> object:
    return {} if entry.default is MISSING else entry.default


KEYS: Mapping[str, Key] = {
    entry.name: Key(entry.name, default=_default(entry), **entry.metadata)
    for entry in fields(Settings)
    if entry.metadata
}
