"""One request file by itself: bytes → the requests in it, and everything that is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, cast

from franc_gitops import kinds
from franc_gitops.kinds.claims import compile_claims
from franc_gitops.kinds.common import COMMON, inspect_window, read_time
from franc_gitops.kinds.fields import accept_mapping, encode_mapping, explain_mapping
from franc_gitops.model import Request, Severity
from franc_gitops.pipeline.load import load_file
from franc_gitops.pipeline.places import Places
from franc_gitops.problems import CODES, problem
from franc_gitops.strict_yaml import field_path
from franc_gitops.suggestion import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from franc_gitops.kinds import Kind
    from franc_gitops.kinds.fields import Fields, Finding, Path, Rule
    from franc_gitops.model import Document, Problem


class Checked(NamedTuple):
    """What one file holds: valid requests, problems, and how many documents were judged."""

    requests: list[Request]
    problems: list[Problem]
    documents: int


class Checks:
    """What requests are held against: every type with the configured value rules."""

    def __init__(self, rules: Mapping[str, Rule] | None = None) -> None:
        """Prepare the checks; raises SettingsError for a rule about a field that is none."""
        rules = rules or {}
        kinds.check_rule_names(rules)
        self._checks = {kind.type: _KindChecks(kind, rules) for kind in kinds.all_kinds()}

    def check_file(self, path: str, data: bytes) -> Checked:
        """Give the valid requests of a file, in order, and its problems in reading order."""
        documents, problems = load_file(path, data)
        requests: list[Request] = []
        found: list[tuple[Document, Finding]] = []
        for document in documents:
            request, findings = self._check(document, len(documents))
            if request is not None:
                requests.append(request)
            if findings:
                found += [(document, finding) for finding in findings]
        if found:
            problems += _place(path, data, found)
        if problems:
            problems.sort(key=lambda problem: problem.sort_key)
        return Checked(requests, problems, len(documents))

    def _check(self, document: Document, documents: int) -> tuple[Request | None, list[Finding]]:
        name = document.fields.get("type")
        checks = self._checks.get(name) if isinstance(name, str) else None
        if checks is None:
            return None, self._explain_type(document.fields)
        return checks.check(document, documents)

    def _explain_type(self, fields: Fields) -> list[Finding]:
        """Say what is wrong with `type`, and with the rest as if it were the likeliest one."""
        likely = self._guess(fields)
        if likely is None:
            only = {"type": fields["type"]} if "type" in fields else {}
            return list(explain_mapping((kinds.type_field(),), only, (), "request"))
        type_field = replace(kinds.type_field(), example=likely)
        checks = self._checks[likely]
        found = explain_mapping((type_field, *checks.fields[1:]), fields, (), "request")
        return [*found, *checks.inspect(fields)]

    def _guess(self, fields: Fields) -> str | None:
        written = fields.get("type")
        if isinstance(written, str) and (likely := nearest(written, self._checks)):
            return likely
        fitting = {
            name: sum(field.name in fields for field in checks.kind.own)
            for name, checks in self._checks.items()
        }
        best = max(fitting.values())
        names = [name for name, count in fitting.items() if count == best]
        return names[0] if len(names) == 1 else None


class _KindChecks:
    """The checks of one type of request, prepared for speed."""

    def __init__(self, kind: Kind, rules: Mapping[str, Rule]) -> None:
        self.kind = kind
        rules = kinds.rules_of(kind, rules)
        own = [field.with_rules(rules, field.name) for field in kind.own]
        common = [field.with_rules(rules, field.name) for field in COMMON]
        self.fields = (kinds.type_field(kind.type), *common, *own)
        self.accepts = accept_mapping(self.fields)
        self.encode = encode_mapping(own)
        self.claims = compile_claims(kind)

    def check(self, document: Document, documents: int) -> tuple[Request | None, list[Finding]]:
        """Give the request, or None, and what was found."""
        fields = document.fields
        findings: list[Finding] = []
        if not self.accepts(fields):
            found = explain_mapping(self.fields, fields, (), self.kind.type)
            findings += map(_name_owner, found)
        findings += self.inspect(fields)
        if findings and any(CODES[found.code].severity is Severity.ERROR for found in findings):
            return None, findings
        return self._request(document, documents), findings

    def inspect(self, fields: Fields) -> Iterable[Finding]:
        """Find what lies between fields."""
        if "not_before" in fields or "not_after" in fields:
            return [*self.kind.inspect(fields), *inspect_window(fields)]
        return self.kind.inspect(fields)

    def _request(self, document: Document, documents: int) -> Request:
        kind = self.kind
        get = cast("dict[str, str | None]", document.fields).get
        number, item, user = get("change_number") or "", get("item"), get("user_id")
        own_fields = self.encode(kind.complete(document.fields))
        stem = f"{number}_{item}" if item else number
        return Request(
            document.path,
            document.index,
            documents,
            document.place,
            kind.type,
            number,
            item,
            int(get("revision") or 1),
            f"{kind.request_prefix}{stem}",
            request_digest(kind.type, stem, user, own_fields),
            own_fields,
            user,
            get("cancel"),
            read_time(get("not_before")),
            read_time(get("not_after")),
            self.claims(document.fields),
        )


def _name_owner(finding: Finding) -> Finding:
    """Say of a field that is unknown to a type which other type has it."""
    owners = [kind.type for kind in kinds.all_kinds() if _owns(kind, finding.path)]
    if finding.code != "FRN202" or not owners:
        return finding
    return finding._replace(hint=f"it belongs to {' and '.join(owners)}")


def _owns(kind: Kind, path: Path) -> bool:
    return len(path) == 1 and any(field.name == path[0] for field in kind.own)


def request_digest(kind: str, stem: str, user: str | None, own_fields: str) -> str:
    """Hash what the request asks for; its schedule, revision and place are not part of it."""
    asked = f"{kind}\n{stem}\n{user or ''}\n{own_fields}"
    return f"sha256:{sha256(asked.encode()).hexdigest()}"


def _place(path: str, data: bytes, found: Iterable[tuple[Document, Finding]]) -> Iterator[Problem]:
    """Say where in the file each finding stands."""
    places = Places(data)
    for document, finding in found:
        yield problem(
            finding.code,
            path,
            finding.message,
            place=places.find(document, finding),
            field=field_path(finding.path),
            hint=finding.hint,
        )
