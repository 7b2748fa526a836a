"""The KAFKA_* variables: what each is for, and how they become a `KafkaConnection`.

They are read from the environment, an untracked `.env` and the files that a `…_FILE`
variable names, never from the repository: a pull request must not be able to redirect or
read what is published.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from franc_gitops.errors import SettingsError
from franc_gitops.kafka_connection import SASL_MECHANISMS, SECURITY_PROTOCOLS, KafkaConnection
from franc_gitops.settings.forms import BOOLEAN, SECONDS, Form, Unfit, one_of, text
from franc_gitops.settings.model import KafkaSettings
from franc_gitops.settings.sources import Given, read_named_file
from franc_gitops.suggestion import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from franc_gitops.settings.faults import Faults
    from franc_gitops.settings.sources import Variables

ENABLED = "KAFKA_ENABLED"
TOPIC_PREFIX = "KAFKA_TOPIC_PREFIX"
_MISSPELT = 0.9

_ANY = text(r"[^\x00-\x1f\x7f]+", "one line of text")
_NAME = text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", "letters, digits, dots, hyphens, underscores")


class Variable(NamedTuple):
    """One KAFKA_* variable; `field` is the one of `KafkaConnection` that it sets, if any."""

    name: str
    form: Form
    meaning: str
    field: str = ""
    secret: bool = False
    path: bool = False

    @property
    def file_variable(self) -> str:
        """The variable that names a file which holds the value."""
        return f"{self.name}_FILE"


def _upper(form: Form) -> Form:
    """Make a form that takes small letters too."""
    return Form(lambda value: form.read(str(value).upper()), form.schema)


_FORMS: Mapping[str, Form] = {
    "security_protocol": _upper(one_of(*SECURITY_PROTOCOLS)),
    "sasl_mechanism": _upper(one_of(*SASL_MECHANISMS)),
    "connect_timeout": SECONDS,
    "transaction_timeout": SECONDS,
}

MEANINGS: Mapping[str, str] = {
    "bootstrap_servers": "The brokers to ask first, as host:port, separated by commas.",
    "security_protocol": "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; unset, the safest that "
    "the other settings allow.",
    "sasl_mechanism": "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.",
    "sasl_username": "Who the broker is told that we are.",
    "sasl_password": "The password of KAFKA_SASL_USERNAME.",
    "ssl_cafile": "PEM file of the authorities that the broker's certificate is checked with.",
    "ssl_certfile": "PEM file of our own certificate, for mutual TLS.",
    "ssl_keyfile": "PEM file of the key of KAFKA_SSL_CERTFILE.",
    "ssl_key_password": "The password of KAFKA_SSL_KEYFILE.",
    "oidc_client_id": "Who we are for the token server (OAUTHBEARER).",
    "oidc_client_secret": "The secret of KAFKA_OIDC_CLIENT_ID.",
    "oidc_token_endpoint": "URL of the token server.",
    "oidc_scope": "Scope to ask the token server for.",
    "oidc_extensions": "SASL extensions as key=value, separated by commas.",
    "oidc_cafile": "PEM file of the authorities that the token server is checked with.",
    "client_id": "How the brokers' logs and quotas name us.",
    "expected_cluster_id": "The only Kafka cluster that may be published to.",
    "connect_timeout": "Seconds to wait for a broker.",
    "transaction_timeout": "Seconds after which the broker aborts a transaction left open.",
}
"""Field of `KafkaConnection` -> what its variable is for."""


@cache
def variables() -> Mapping[str, Variable]:
    """Give every KAFKA_* variable by its name; those of the connection follow its fields."""
    switch = "Whether events go to Kafka; otherwise nothing leaves the machine."
    prefix = "What the names of all topics begin with."
    made = [Variable(ENABLED, BOOLEAN, switch), Variable(TOPIC_PREFIX, _NAME, prefix)]
    made += (
        Variable(
            name=f"KAFKA_{entry.name.upper()}",
            form=_FORMS.get(entry.name, _ANY),
            meaning=MEANINGS.get(entry.name, ""),
            field=entry.name,
            secret=not entry.repr,
            path=entry.name.endswith(("_cafile", "_certfile", "_keyfile")),
        )
        for entry in fields(KafkaConnection)
    )
    return {variable.name: variable for variable in made}


def read_kafka(
    places: Sequence[Variables], faults: Faults, only: Collection[str] | None = None
) -> KafkaSettings:
    """Read the KAFKA_* variables, or `only` some; the first of `places` that has one wins."""
    values, origins = {}, {}
    for variable in variables().values():
        if only is not None and variable.name not in only:
            continue
        given = _find(variable, places, faults)
        if given is None:
            continue
        origins[variable.name] = given.origin
        try:
            values[variable.name] = variable.form.read(given.value)
        except Unfit as error:
            told = "its value is not allowed" if variable.secret else str(error)
            faults.add(given.origin, told)
    warnings = tuple(warning for place in places for warning in _near_misses(place))
    return _put_together(values, origins, warnings)


def _put_together(
    values: Mapping[str, Any], origins: Mapping[str, str], warnings: tuple[str, ...]
) -> KafkaSettings:
    known = variables()
    connection = {known[name].field: value for name, value in values.items() if known[name].field}
    return KafkaSettings(
        enabled=values.get(ENABLED, False),
        topic_prefix=values.get(TOPIC_PREFIX, "franc"),
        connection=KafkaConnection(**connection),
        origins=origins,
        warnings=warnings,
    )


def _find(variable: Variable, places: Sequence[Variables], faults: Faults) -> Given | None:
    """Give the value that wins, from the variable itself or from the file that another names."""
    for place in places:
        from_file = variable.file_variable in place and not variable.path
        if variable.name in place and from_file:
            both = f"{variable.name} and {variable.file_variable}"
            faults.add(place.origin, f"{both} are both set", "set one of them")
        if variable.name in place:
            return _locate(variable, place, faults)
        if from_file:
            return _read_named(variable, place, faults)
    return None


def _locate(variable: Variable, place: Variables, faults: Faults) -> Given:
    """Make the path in a variable absolute: it begins where the variable was written."""
    given = place[variable.name]
    if not variable.path:
        return given
    file = place.base / str(given.value)
    if not file.is_file():
        faults.add(given.origin, f"there is no file {file}")
    return given._replace(value=str(file))


def _read_named(variable: Variable, place: Variables, faults: Faults) -> Given | None:
    named = place[variable.file_variable]
    try:
        value = read_named_file(place.base / str(named.value))
    except SettingsError as error:
        faults.add(named.origin, error.message)
        return None
    return Given(value, f"file named by {named.origin}")


def _near_misses(place: Variables) -> Iterator[str]:
    """Warn of KAFKA_* variables that look misspelt; others belong to other programs."""
    known = variables()
    for name in place.names("KAFKA_"):
        if name not in known and name.removesuffix("_FILE") not in known:
            meant = nearest(name, known, likeness=_MISSPELT)
            if meant:
                yield f"{place.origin} {name} is not read; did you mean {meant}?"
