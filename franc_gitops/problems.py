"""Every problem code, once: what it means, why it is one, how to get out of it.

Codes are stable: scripts filter on them. `FRN1xx` syntax, `2xx` schema, `3xx` across
requests, `4xx` lifecycle, `5xx` event log, `6xx` write-back. `explain CODE` prints a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from franc_gitops.model import START, Problem, Severity

if TYPE_CHECKING:
    from franc_gitops.model import Place


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem: `explanation` says why, `example` shows wrong and right."""

    code: str
    title: str
    explanation: str
    example: str = ""
    severity: Severity = Severity.ERROR


def problem(
    code: str,
    path: str,
    message: str,
    *,
    place: Place = START,
    field: str = "",
    hint: str = "",
) -> Problem:
    """Make a problem with its registered severity; an unknown code is a bug and raises KeyError."""
    severity = CODES[code].severity
    return Problem(code, severity, path, place.line, place.column, field, message, hint)


_ALL = (
    # --- 1xx syntax: the file is not the YAML we read -----------------------------------------
    Code(
        "FRN101",
        "not UTF-8",
        "Request files are UTF-8. Other encodings (UTF-16, Latin-1) would be read differently by "
        "different tools, so they are refused instead of guessed.",
        "wrong: a file saved as «Unicode» by a Windows editor\nright: save as UTF-8",
    ),
    Code(
        "FRN102",
        "byte order mark",
        "The file starts with a byte order mark, an invisible character that would become part of "
        "the first field's name in some tools.",
        "right: save as «UTF-8», not as «UTF-8 with BOM»",
    ),
    Code(
        "FRN103",
        "character that YAML forbids",
        "NUL and most control characters cannot be written in YAML at all. They are usually left "
        "by a broken copy or a half-written file.",
    ),
    Code(
        "FRN104",
        "file too large",
        "A request is a few hundred bytes. A file over the limit (1 MiB) is a mistake, or an "
        "attempt to exhaust memory.",
    ),
    Code(
        "FRN105",
        "nested too deeply",
        "Requests are flat; deep nesting is refused before it costs memory.",
    ),
    Code(
        "FRN106",
        "too many values or aliases",
        "Aliases are counted as if written out, so that a few lines cannot grow into gigabytes.",
    ),
    Code(
        "FRN107",
        "duplicate key",
        "Most YAML readers keep the last of two equal keys silently, so what a reviewer reads "
        "first is not what is sent.",
        "wrong:\n  location: NYC\n  location: BOS\nright: one of the two lines; between two requests in one file a line ---",
    ),
    Code(
        "FRN108",
        "tag",
        "Tags such as !!int or !!python/object change what a value means. Values are text here "
        "and get their type from the field.",
        "wrong: revision: !!int 2\nright: revision: 2",
    ),
    Code(
        "FRN109",
        "merge key",
        "`<<` is not part of YAML 1.2 and hides where a value comes from.",
        "right: write the fields out",
    ),
    Code(
        "FRN110",
        "not a mapping",
        "A request is a mapping of fields to values.",
        "right:\n  type: device_connection\n  change_number: CHG-2024-001234",
    ),
    Code("FRN111", "YAML syntax", "The file cannot be read as YAML from this place on."),
    Code("FRN112", "key is not text", "Field names are plain text, not lists, mappings or empty."),
    Code(
        "FRN113",
        "character not allowed in a value",
        "Control characters, line breaks (except in `cancel`), bidirectional marks and zero-width "
        "characters make a value look different from what it is.",
    ),
    Code(
        "FRN114",
        "space around a value",
        "A leading or trailing space is invisible in a review and makes two equal names differ.",
    ),
    Code(
        "FRN115",
        "no request in the file",
        "The file holds no document. Delete it, or write a request into it.",
        "franc-gitops new device_connection",
    ),
    Code(
        "FRN116",
        "directive",
        "%YAML and %TAG lines change how the rest is read; they are not needed.",
    ),
    Code(
        "FRN117",
        "alias to nowhere",
        "An alias (*name) needs an anchor (&name) before it in the same document.",
    ),
    Code(
        "FRN120",
        "file cannot be read",
        "The operating system or git refused to give the file's content.",
        "check its permissions",
    ),
    Code(
        "FRN121",
        "not a regular file",
        "FIFOs, sockets and devices are never opened: reading one could wait for ever.",
    ),
    Code(
        "FRN122",
        "link not followed",
        "Symbolic links out of the repository, in a loop or to nowhere are not followed, nor such as take too long a way.",
    ),
    Code(
        "FRN123",
        "file name not allowed",
        "The name holds control characters, line breaks or is not UTF-8; it could not be shown or written back safely.",
    ),
    # --- 2xx schema: the fields are not a request ----------------------------------------------
    Code(
        "FRN201",
        "field missing",
        "The request type needs this field. A plain null, ~ or empty value means absent.",
    ),
    Code(
        "FRN202",
        "unknown field",
        "The field is not part of this request type. It is refused, because a misspelt optional field would be dropped silently.",
    ),
    Code(
        "FRN203",
        "wrong shape",
        "Text, a list or a mapping is expected here, and something else stands there.",
    ),
    Code(
        "FRN204",
        "value not allowed",
        "The value is not in the configured list, or does not match the configured pattern.",
        "franc-gitops explain FIELD shows what is allowed",
    ),
    Code("FRN205", "request type", "`type` says which kind of request this is."),
    Code(
        "FRN206",
        "change number",
        "A change number is CHG-, four digits of the year, -, six digits.",
        "right: CHG-2024-001234",
    ),
    Code(
        "FRN207",
        "revision",
        "A revision is a plain decimal number from 1 to 999999, without sign or leading zero.",
        "right: revision: 2",
    ),
    Code(
        "FRN208",
        "item",
        "An item is a short name of lower-case letters, digits and hyphens, at most 32.",
        "right: item: leaf-01",
    ),
    Code(
        "FRN209",
        "time",
        "Times are RFC 3339 with an offset, so that they mean the same everywhere.",
        "right: 2026-03-01T22:00:00Z",
    ),
    Code("FRN210", "window is empty", "`not_before` must be earlier than `not_after`."),
    Code("FRN211", "interface named twice", "Interface names are unique within one request."),
    Code(
        "FRN212",
        "vpc_groups disagrees",
        "`vpc_groups` is derived from the interfaces, in order of first use. If given, it must say the same.",
    ),
    Code("FRN213", "empty", "The value must not be empty."),
    Code(
        "FRN214",
        "too long",
        "The value is longer than any real name; it is probably a paste error.",
    ),
    Code(
        "FRN250",
        "vPC group with one member",
        "A virtual port channel joins two or more interfaces. One member is legal but often a typing error in the group's name.",
        severity=Severity.WARNING,
    ),
    # --- 3xx across requests -------------------------------------------------------------------
    Code(
        "FRN301",
        "same request in two places",
        "A request is known by type, change number and item, never by its file. Two places with the same one cannot both be sent.",
        "give one of them an `item`, or delete it",
    ),
    Code(
        "FRN302",
        "touched by two open requests",
        "Two requests that are open touch the same thing: an interface of a device, a data center, a PoP (`dc_name`, `pop_name`), compared as written. "
        "Open is every request that is not Completed, Failed or Cancelled, whatever holds it, unpublished ones of the commit included; one with `cancel` is not. "
        "If one of them is published, only the others are held, else all of them. "
        "`validate`, which knows no ledger, takes for finished what the status files say is finished; with write_back: off it leaves this rule to `plan` and `publish`.",
        "wrong: two new files that connect Gi0/1 of NYC-Core-SW01\nright: the second one when the first is finished, or both interfaces in one request",
    ),
    Code(
        "FRN350",
        "change number reused after completion",
        "All that is known of the change number is finished, at least one request of it completed, and now another request has the same number. "
        "Not meant are: a higher revision, a cancellation, what was committed together with what is completed or before it, and what stands in the same file as an earlier request of the change. "
        "It is a warning and holds nothing, because a publisher that died halfway leaves the same picture. Only known in git, and to `plan` and `publish`; in a shallow clone only of files whose last commit is at hand.",
        "wrong: pop.yaml under CHG-2024-001234, weeks after the device connection of that change was completed\nright: a change number of its own; or, if it belongs to the change, the same file",
        severity=Severity.WARNING,
    ),
    # --- 4xx lifecycle: requests against the ledger ---------------------------------------------
    Code(
        "FRN401",
        "changed after publication",
        "The request was published with other content. Sending the change must be on purpose: raise `revision`.",
        "revision: 2",
    ),
    Code(
        "FRN402",
        "revision went back",
        "The ledger knows a higher revision than the file, usually after a reverted commit. Nothing is sent; raise the revision above the published one.",
    ),
    Code(
        "FRN403",
        "record too large",
        "An event or ledger record of this request would be larger than its topic accepts.",
        "split the request with `item`, or raise the topic's max.message.bytes",
    ),
    Code(
        "FRN404",
        "copy of a published file",
        "The file is byte for byte one that is published and still there. Nothing is sent for the copy.",
    ),
    Code(
        "FRN405",
        "cancelled",
        "The published request was cancelled. To order it again, raise `revision`.",
    ),
    Code(
        "FRN406",
        "may be older than what is published",
        "The request is published from a commit that seems to come after this one: this job runs late, or the history was rewritten. What is older never overrides what is newer. Where the history is at hand and shows that the published commit is newer, nothing is held and nothing is sent; this problem is about the cases that cannot be told.",
        "publish the newest commit of the branch; in a shallow clone: git fetch --unshallow",
    ),
    Code(
        "FRN407",
        "published in spite of a freeze",
        "Somebody overrode the freeze calendar with `--ignore-freeze`. The ledger and the status file keep it, until the request is published anew: who that was as the CI system or the machine names them, and which freeze. Nothing is left to do.",
        "franc-gitops publish --ignore-freeze",
        severity=Severity.WARNING,
    ),
    Code(
        "FRN410",
        "file of an unfinished request deleted",
        "Deleting a file cancels nothing. Bring it back and add `cancel: reason` to cancel the request.",
        severity=Severity.WARNING,
    ),
    Code(
        "FRN420",
        "cannot be sent again",
        "`replay` sends the same bytes again, or nothing. They are taken from the event log where the events still are, else made again from the request file as it was published, which git must have.",
        "git fetch --unshallow; then franc-gitops replay CHG-2024-001234",
    ),
    Code(
        "FRN421",
        "cannot be adopted",
        "`adopt` marks valid requests as published that the ledger does not know. One that is known, invalid or cancelled is refused.",
        "franc-gitops status CHG-2024-001234",
    ),
    Code(
        "FRN422",
        "cannot be edited",
        "`cancel` puts one line into the file and changes nothing else. Here that is not possible without touching more, so the file is left as it is.",
        "cancel: no longer needed",
    ),
    Code(
        "FRN430",
        "commit not signed",
        "Signed commits are required here (`require_signed_commits`), and the commit that last touched the file carries no signature. Whoever signs vouches for the file as it is then; of a link, all that it leads through and to must be signed.",
        "git commit --amend --no-edit -S",
    ),
    Code(
        "FRN431",
        "signature not trusted",
        "The commit that last touched the file is signed with a key that is not trusted, has expired or was revoked; or the signature does not fit; or, in a shallow clone, nobody can tell which commit it was.",
        "see docs/provenance.md for where trusted keys come from",
    ),
    Code(
        "FRN432",
        "change of the trusted keys does not count",
        "The file of trusted keys was changed by a commit that nobody trusted signed. A pull request must not add its own key, so the keys before that change go on being the trusted ones; a key that was taken out is not trusted any more, whoever took it out.",
        "let somebody whose key is in the file sign the change",
        severity=Severity.WARNING,
    ),
    Code(
        "FRN440",
        "not the expected plan",
        "`publish --expect DIGEST` sends the plan of that digest or nothing. This is another one: another commit, a further request that is pending, or a part of it was published or is held meanwhile.",
        "franc-gitops plan  # shows what would be sent now, and its digest",
    ),
    # --- 5xx event log -------------------------------------------------------------------------
    Code(
        "FRN501",
        "event log unreachable",
        "No broker answers, or not in time. Nothing is lost: the next pass sends what is missing.",
        "check KAFKA_BOOTSTRAP_SERVERS and that the broker runs",
    ),
    Code(
        "FRN502",
        "published in part",
        "Some transactions are committed, then the event log went away. The next pass sends exactly the rest.",
    ),
    Code(
        "FRN503",
        "event log refused",
        "The broker answered with an error that a retry does not heal.",
    ),
    Code(
        "FRN504",
        "authentication failed",
        "The broker did not accept who we say we are.",
        "check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD",
    ),
    Code(
        "FRN505",
        "topic missing",
        "A topic does not exist. `publish` never creates one, so that a typing error makes no topic.",
        "franc-gitops topics create",
    ),
    Code(
        "FRN506",
        "not the pinned ledger",
        "The ledger is another one than the one that was used so far: another cluster, a re-created topic, other partitions. Publishing would send everything again.",
        "check KAFKA_BOOTSTRAP_SERVERS; if the change is meant: publish --accept-ledger",
    ),
    Code(
        "FRN507",
        "fenced by another publisher",
        "Another publisher with the same ledger kept taking over. Nothing is sent twice; let one of them finish.",
    ),
    Code(
        "FRN508",
        "TLS failed",
        "The encrypted connection could not be made.",
        "check KAFKA_SECURITY_PROTOCOL, KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE",
    ),
    Code(
        "FRN509",
        "not authorized",
        "An ACL is missing.",
        "see docs/kafka.md for the ACLs that are needed",
    ),
    Code(
        "FRN510",
        "ledger not compacted",
        "The ledger topic must have cleanup.policy=compact: with another policy the broker deletes old entries, and old requests would be sent again.",
        "kafka-configs --alter --topic franc.gitops.ledger --add-config cleanup.policy=compact",
    ),
    Code(
        "FRN511",
        "topic or record refused",
        "The broker refused a record: too large, or not allowed by the topic's settings.",
    ),
    Code(
        "FRN512",
        "ledger record not readable",
        "The ledger topic holds a record that this version does not understand. It is not skipped: a request could be sent twice.",
        "use a newer franc-gitops, or find out who else writes to the topic",
    ),
    Code(
        "FRN513",
        "state folder in git",
        "Git tracks something in the state folder (`.franc/`, or `state_dir`). It holds what this machine knows: the embedded ledger, what was fetched of the remote. A commit must not be able to say what that is.",
        "git rm -r --cached .franc  # then commit; delete the folder, too, unless all of it is this machine's own",
    ),
    # Found by `verify`:
    Code(
        "FRN520",
        "event missing",
        "No committed event stands at the place that the ledger names, and retention did not remove it. The topic was deleted, created again or cut.",
        "franc-gitops replay CHG-2024-001234 sends the events again, with the same ids",
    ),
    Code(
        "FRN521",
        "event removed by retention",
        "The topic's retention has removed events that the ledger names. That is what retention is for; the ledger goes on knowing that they were published.",
        "retention.ms=-1 on the topic keeps events for ever",
        severity=Severity.WARNING,
    ),
    Code(
        "FRN522",
        "event is another one",
        "At the place that the ledger names stands an event with another identity or content, or something that is no event. A topic was restored or mirrored from elsewhere, or somebody else writes to it.",
    ),
    Code(
        "FRN523",
        "ledger lost records",
        "A status file tells of events that were published to this very log, and the ledger does not know the request. Records were lost inside the ledger topic; publishing would send those events again.",
        "restore the ledger, or accept the loss: franc-gitops publish --accept-ledger",
    ),
    Code(
        "FRN524",
        "ledger not pinned",
        "Nothing in the repository says which Kafka ledger is ours, so any would be accepted.",
        "git add status/.ledger.yaml && git commit",
        severity=Severity.WARNING,
    ),
    # --- 6xx write-back ------------------------------------------------------------------------
    Code(
        "FRN601",
        "status file not written",
        "The events are out and in the ledger; only the status file is missing. The next pass writes it.",
        "check permissions and space of the status folder",
    ),
    Code(
        "FRN602",
        "branch refuses status files",
        "A rule of the git host, or a hook, keeps status commits off the branch that they belong to. They are on the status branch instead, which can be merged, and every pass tries the branch again.",
        "let the job push to the branch, or merge franc-gitops/status by a pull request",
    ),
    Code(
        "FRN603",
        "remote does not let us in",
        "The remote refused the connection, the credentials or the right to push. Credentials come from git's own helpers and from ssh; git never asks on the terminal here.",
        "git ls-remote origin; git push --dry-run origin HEAD:refs/heads/main",
    ),
    Code(
        "FRN604",
        "remote or branch not reached",
        "The remote could not be reached, did not answer in time, or has no such branch. Nothing is lost: the next pass pushes.",
        "check remote, branch and push_timeout",
    ),
    Code(
        "FRN605",
        "branch never still",
        "Others kept changing the branch, or held its lock, until push_timeout was over. The next pass tries again.",
    ),
    Code(
        "FRN606",
        "status commit not made",
        "The commit of the status files could not be made or stored: no room, no permission, or a repository that git cannot read.",
    ),
    # Found by `verify`:
    Code(
        "FRN620",
        "status file differs",
        "The status file does not say what commit and ledger make of it: it was edited, or is of another commit. Nothing is read from it but by people.",
        "franc-gitops verify --repair",
    ),
    Code(
        "FRN621",
        "status file missing",
        "The request file has no status file that could be read.",
        "franc-gitops verify --repair",
    ),
    Code(
        "FRN622",
        "status file without request file",
        "The request file that this status file is about is gone.",
        "franc-gitops verify --repair",
    ),
)

CODES = {entry.code: entry for entry in _ALL}
