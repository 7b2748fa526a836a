"""`franc-gitops doctor`: every precondition of publishing, tried one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import count, epilog, verb
from franc_gitops.errors import Exit, FrancError
from franc_gitops.reports import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from franc_gitops.settings import Settings

app = verb()

_UNREACHABLE = "FRN501"


@app.command(
    epilog=epilog(
        {
            "doctor": "settings, repository, event log, ACLs, isolation, clock, pins",
            "doctor -o json": "the same for programs",
            "doctor -q": "only what fails; the exit code says whether it can publish",
        },
        Exit.OK,
        Exit.USAGE,
        Exit.UNREACHABLE,
    )
)
def doctor(context: typer.Context, output: options.TextOrJson = "text") -> int:
    """Try every precondition of publishing, one by one.

    What does not hold is shown with what to do about it. Nothing is published. In Kafka one
    transaction is begun and aborted, to see that nobody is shown an aborted record; running
    publishers are not disturbed.
    """
    from franc_gitops.reports import renderer

    invocation = context.obj
    render, is_brief = renderer("checks", output), invocation.quiet and output == "text"
    checks: list[Check] = []

    def remember() -> Iterator[Check]:
        for check in _checks(invocation.settings):
            checks.append(check)
            if check.outcome == "failed" or not is_brief:
                yield check

    invocation.write(render(remember(), invocation.look()))
    failed = [check for check in checks if check.outcome == "failed"]
    invocation.say(f"doctor: {count(len(checks), 'check')}, {len(failed)} failed")
    if not failed:
        return Exit.OK
    away = all(check.code == _UNREACHABLE for check in failed)
    return Exit.UNREACHABLE if away else Exit.USAGE


def _checks(load: Callable[[], Settings]) -> Iterator[Check]:
    """Try everything, in an order in which the first failure is the one to mend."""
    try:
        settings = load()
    except FrancError as error:
        yield _failed("settings", error)
        return
    yield from _attempt("settings", lambda: _rules(settings))
    yield from _attempt("repository", lambda: _repository(settings))
    if settings.require_signed_commits:
        yield from _attempt("trusted keys", lambda: _trusted_keys(settings))
    if settings.kafka_enabled:
        yield from _kafka(settings)
    else:
        yield Check("Kafka", "skipped", "not enabled: nothing leaves this machine")
        yield from _attempt("event log", lambda: _embedded(settings))
    yield from _write_back(settings)


def _rules(settings: Settings) -> Check:
    """See whether the value rules speak of fields that there are."""
    from franc_gitops.pipeline.checks import Checks

    Checks(settings.rules)
    return Check("settings", "ok", f"{len(settings.origins)} set, the others have their defaults")


def _attempt(name: str, look: Callable[[], Check]) -> Iterator[Check]:
    try:
        yield look()
    except FrancError as error:
        yield _failed(name, error)


def _failed(name: str, error: FrancError) -> Check:
    return Check(name, "failed", error.message, error.hint, error.code)


def _repository(settings: Settings) -> Check:
    """Look for the commit and the request files at it."""
    from franc_gitops.wiring import Choices, open_repository, state_check

    state_check(settings)()
    snapshot = open_repository(settings, Choices()).snapshot()
    at = f"commit {snapshot.commit[:12]}" if snapshot.commit else f"plain folder {settings.root}"
    told = f"{at}, {count(len(snapshot.files), 'request file')} below {settings.requests_dir}/"
    if not snapshot.files:
        hint = "franc-gitops new TYPE --write, then commit it; or set requests_dir"
        return Check("repository", "warning", told, hint)
    if snapshot.problems:
        return Check(
            "repository",
            "warning",
            f"{told}, {len(snapshot.problems)} not readable",
            "franc-gitops validate",
        )
    return Check("repository", "ok", told)


def _trusted_keys(settings: Settings) -> Check:
    """Read the trusted keys as they are where the current commit is published."""
    from franc_gitops.wiring import Choices, open_repository, open_signature_check

    name, commit = "trusted keys", open_repository(settings, Choices()).snapshot().commit
    verify = open_signature_check(settings)
    if verify is None or not commit:
        told = "signed commits are required, and requests are not read from a commit"
        return Check(name, "failed", told, "publish from git", "FRN430")
    found = verify(commit, [commit])
    for warning in found.warnings:
        return Check(name, "warning", warning.message, warning.hint, warning.code)
    told = f"read from {settings.require_signed_commits}; the current commit is "
    return Check(name, "ok", f"{told}{found.by_commit[commit].trust}")


def _embedded(settings: Settings) -> Check:
    """Read the embedded log; it is made if it is not there, as `publish` would."""
    from franc_gitops.ledger import Ledger
    from franc_gitops.wiring import open_event_log

    log = open_event_log(settings)
    try:
        ledger, reader = Ledger(), log.reader()
        for records in reader.read(None):
            ledger.fold(records)
        reader.close()
    finally:
        log.close()
    return Check(
        "event log",
        "ok",
        f"embedded in {settings.state_dir}/, {count(len(ledger), 'request')} known",
    )


def _kafka(settings: Settings) -> Iterator[Check]:
    """Try Kafka; the pins only if the ledger can be looked at."""
    from franc_gitops.wiring import open_probes

    try:
        probes = open_probes(settings)
    except FrancError as error:
        yield _failed("Kafka client", error)
        return
    failed = False
    for probe in probes.all():
        failed = failed or probe.outcome == "failed"
        yield Check(probe.name, str(probe.outcome), probe.message, probe.hint, probe.code)
    if failed:
        yield Check("pins", "skipped", "not tried")
    else:
        yield from _attempt("pins", lambda: _pins(settings))


def _pins(settings: Settings) -> Check:
    """Hold the ledger against the pins that the repository keeps."""
    from franc_gitops.pipeline.guard import Guard
    from franc_gitops.wiring import open_event_log, read_pins

    pins = read_pins(settings)
    log = open_event_log(settings)
    try:
        identity = log.identify()
    finally:
        log.close()
    Guard(pins).check(identity)
    if not pins:
        told = "no ledger is pinned yet: the first publication takes this one"
        return Check("pins", "ok", told)
    return Check("pins", "ok", "this is the pinned ledger")


def _write_back(settings: Settings) -> Iterator[Check]:
    """Look whether status files could be written, and committed or pushed if that is asked for."""
    if settings.write_back == "off":
        yield Check("status folder", "skipped", "write_back is off")
        return
    if settings.write_back != "push":
        yield from _attempt("status folder", lambda: _status_folder(settings))
    if settings.write_back != "files":
        yield from _attempt("status commits", lambda: _status_commits(settings))


def _status_folder(settings: Settings) -> Check:
    """Look whether status files could be written."""
    import os

    from franc_gitops.wiring import open_write_back

    open_write_back(settings)
    folder = settings.root / settings.status_dir
    nearest: Any = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        told, hint = f"{nearest} cannot be written to", "change its permissions, or write_back: off"
        return Check("status folder", "failed", told, hint, "FRN601")
    return Check("status folder", "ok", f"{settings.status_dir}/ can be written to")


def _status_commits(settings: Settings) -> Check:
    """Look whether the branch is there and lets us in."""
    from franc_gitops.pipeline.writeback_git import GitWriteBack
    from franc_gitops.wiring import Choices, beside_the_clone, open_write_back

    with beside_the_clone(settings, Choices()) as choices:
        write_back = open_write_back(settings, choices)
        if not isinstance(write_back, GitWriteBack):
            return Check("status commits", "skipped", "nothing is committed")
        name = write_back.try_out()
    if settings.write_back == "commit":
        return Check("status commits", "ok", f"they go to {name}, which is checked out")
    told = f"{name} is there and lets us push; whether its rules do shows with the first commit"
    return Check("status commits", "ok", told)
