"""Settings: which place wins, what is refused and how clearly, and that secrets stay hidden."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from time import process_time
from typing import Any

import jsonschema
import pytest

from franc_gitops.errors import SettingsError
from franc_gitops.kafka_connection import KafkaConnection
from franc_gitops.model import Pin
from franc_gitops.settings import (
    FILE_NAME,
    Settings,
    find_root,
    load_kafka_settings,
    load_settings,
)
from franc_gitops.settings.effective import effective
from franc_gitops.settings.kafka import MEANINGS, variables
from franc_gitops.settings.model import KEYS
from franc_gitops.settings.patterns import Pattern
from franc_gitops.settings.schema import configuration_schema

SECRET = "hunter2-hunter2"


class Place:
    """A repository with settings in all places."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tracked = False

    def write(self, text: str) -> None:
        (self.root / FILE_NAME).write_text(text)

    def dotenv(self, text: str) -> None:
        (self.root / ".env").write_text(text)

    def load(
        self,
        environ: dict[str, str] | None = None,
        flags: dict[str, str] | None = None,
        **kind: Any,
    ) -> Settings:
        return load_settings(
            self.root, flags, environ=environ or {}, is_tracked=lambda _: self.tracked, **kind
        )

    def refused(self, *environ_and_flags: dict[str, str], **kind: Any) -> str:
        with pytest.raises(SettingsError) as caught:
            self.load(*environ_and_flags, **kind)
        return caught.value.message


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / ".git").mkdir()
    return Place(tmp_path)


# --- which place wins -----------------------------------------------------------------------


def test_without_any_settings_the_defaults_of_the_contract_hold(place: Place) -> None:
    found = place.load()
    assert (found.requests_dir, found.status_dir, found.state_dir) == (
        "requests",
        "status",
        ".franc",
    )
    assert (found.write_back, found.completion, found.on_delete) == ("files", "accept", "keep")
    assert (found.source, found.user_id_from, found.ledger) == ("franc-portal", "", ())
    assert not found.kafka_enabled
    assert found.topic_prefix == "franc"
    assert found.kafka.bootstrap_servers == "localhost:9092"


def test_flags_win_over_environment_over_dotenv_over_file(place: Place) -> None:
    seen = []
    place.write("source: file\n")
    seen.append((place.load().source, place.load().origins["source"]))
    place.dotenv("FRANC_SOURCE=dotenv\n")
    seen.append((place.load().source, place.load().origins["source"]))
    environ = {"FRANC_SOURCE": "environment"}
    seen.append((place.load(environ).source, place.load(environ).origins["source"]))
    flags = {"source": "flag"}
    seen.append((place.load(environ, flags).source, place.load(environ, flags).origins["source"]))
    assert seen == [
        ("file", FILE_NAME),
        ("dotenv", ".env FRANC_SOURCE"),
        ("environment", "environment FRANC_SOURCE"),
        ("flag", "flag --set source"),
    ]


def test_an_empty_variable_and_a_null_in_the_file_mean_unset(place: Place) -> None:
    place.write("source: null\nstatus_dir:\n")
    found = place.load({"FRANC_SOURCE": "", "KAFKA_SASL_USERNAME": ""})
    assert found.source == "franc-portal"
    assert found.status_dir == "status"
    assert found.kafka.sasl_username is None


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n\n"])
def test_an_empty_file_sets_nothing(place: Place, text: str) -> None:
    place.write(text)
    assert not place.load().origins


def test_the_root_is_found_from_any_folder_below(place: Place) -> None:
    below = place.root / "requests" / "2024"
    below.mkdir(parents=True)
    assert find_root(below) == place.root


def test_the_nearest_root_is_taken_so_that_a_monorepo_can_hold_several(place: Place) -> None:
    inner = place.root / "network"
    (inner / "requests").mkdir(parents=True)
    (inner / FILE_NAME).touch()
    assert find_root(inner / "requests") == inner


def test_without_any_mark_the_folder_itself_is_the_root(tmp_path: Path) -> None:
    assert find_root(tmp_path) in {tmp_path, *tmp_path.parents}


# --- the file -------------------------------------------------------------------------------


def test_an_unknown_key_is_refused_with_its_place_and_what_may_be_meant(place: Place) -> None:
    place.write("source: a\n\nrequest_dir: x\n")
    told = place.refused()
    assert told == f"{FILE_NAME}:3:1: unknown setting 'request_dir'; did you mean requests_dir?"


def test_everything_that_is_wrong_is_told_at_once(place: Place) -> None:
    place.write("reqests_dir: x\nwrite_back: paper\nsource: a b\n")
    assert len(place.refused({"FRANC_SORCE": "x", "KAFKA_ENABLED": "maybe"}).splitlines()) == 5


@pytest.mark.parametrize(
    "key", ["bootstrap_servers", "kafka_enabled", "KAFKA_SASL_PASSWORD", "sasl_password"]
)
def test_the_file_never_says_where_to_connect_and_holds_no_secret(place: Place, key: str) -> None:
    place.write(f"{key}: {SECRET}\n")
    told = place.refused()
    assert "never read from here" in told
    assert "KAFKA_" in told
    assert SECRET not in told


@pytest.mark.parametrize("key", ["hook_secret", "http_token"])
def test_secrets_of_ours_are_refused_in_the_file_too(place: Place, key: str) -> None:
    place.write(f"{key}: {SECRET}\n")
    told = place.refused()
    assert f"FRANC_{key.upper()}" in told
    assert SECRET not in told


@pytest.mark.parametrize("key", ["hook_secret", "http_token"])
def test_secrets_of_ours_come_from_the_environment_or_a_file_that_it_names(
    place: Place, key: str
) -> None:
    variable, token = f"FRANC_{key.upper()}", "0123456789abcdef"
    found = place.load({variable: token})
    assert getattr(found, key) == token
    assert token not in repr(found)
    assert token not in str(list(effective(found)))
    (place.root / "token").write_text(f"{token}\n")
    place.dotenv(f"{variable}_FILE=token\n")
    assert getattr(place.load(), key) == token
    assert "both set" in place.refused({variable: token, f"{variable}_FILE": "token"})


def test_a_weak_secret_is_refused_without_being_shown(place: Place) -> None:
    told = place.refused({"FRANC_HTTP_TOKEN": "hunter2"})
    assert "16" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("value", ["off", "127.0.0.1:8080", "[::1]:9090", "0.0.0.0:0", "box:80"])
def test_an_address_for_http_is_host_and_port(place: Place, value: str) -> None:
    assert place.load({"FRANC_HTTP": value}).http == value


@pytest.mark.parametrize("value", ["8080", ":8080", "host", "host:99999", "::1:80", "http://x:1"])
def test_an_address_for_http_that_is_none_is_refused(place: Place, value: str) -> None:
    assert "HOST:PORT" in place.refused({"FRANC_HTTP": value})


@pytest.mark.parametrize(
    "value", ["javascript:alert({commit})", "https://x/y", 'https://"{commit}']
)
def test_only_web_addresses_can_be_linked_to(place: Place, value: str) -> None:
    assert "commit_url" in place.refused({"FRANC_COMMIT_URL": value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("branch", "release/2026.1"),
        ("status_branch", "größe-+#status"),
        ("remote", "upstream"),
        ("commit_author", "Rüdiger Robot (CI) <robot+ci@example.com>"),
        ("commit_message", "📡 status: what became of it"),
    ],
)
def test_what_status_commits_look_like_and_go_to_can_be_chosen(
    place: Place, key: str, value: str
) -> None:
    place.write(f"{key}: '{value}'\n")
    assert getattr(place.load(), key) == value
    assert jsonschema.Draft7Validator(configuration_schema()).is_valid({key: value})


REFUSED = {
    "branch": (
        *[
            "-x",
            "a..b",
            "a~1",
            "x.lock",
            "a/",
            "/a",
            "@",
            "a//b",
            ".a",
            "a/.b",
            "a@{1}",
            "a:b",
            "a*",
            "a\\b",
            "x.lock/y",
        ],
        "a b",
    ),
    "remote": ("ext::sh -c id", "../x", "-x", "https://x/y", "a/b"),
    "commit_author": ("me", "<a@b>", "a <b", "a <b> c", "a\nb <c>"),
    "commit_message": ("a\nb", " a", "x" * 201),
    "push_timeout": ("0", "-1", "soon"),
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in REFUSED.items() for value in values]
)
def test_what_git_would_refuse_or_obey_is_refused(place: Place, key: str, value: str) -> None:
    assert key in place.refused({f"FRANC_{key.upper()}": value})
    assert not jsonschema.Draft7Validator(configuration_schema()).is_valid({key: value})


@pytest.mark.parametrize(("key", "value"), [("completion", "track"), ("on_delete", "cancel")])
def test_a_value_of_a_later_version_is_refused_instead_of_ignored(
    place: Place, key: str, value: str
) -> None:
    place.write(f"{key}: {value}\n")
    assert f"{value!r} is not in this version" in place.refused()


def test_a_wrong_value_is_answered_with_the_page_of_its_setting(place: Place) -> None:
    place.write("on_delete: cancel\n")
    with pytest.raises(SettingsError) as caught:
        place.load()
    assert "franc-gitops explain on_delete" in caught.value.hint


def test_the_file_is_read_as_strictly_as_a_request(place: Place) -> None:
    place.write("source: a\nsource: b\n")
    assert place.refused().startswith(f"{FILE_NAME}:2:1: ")


@pytest.mark.parametrize(
    "text",
    ["- a\n", "just text\n", "a: 1\n---\nb: 2\n", "source: [a]\n", "rules: text\n", "a: \x00\n"],
)
def test_a_file_of_another_shape_is_refused_without_a_traceback(place: Place, text: str) -> None:
    place.write(text)
    assert FILE_NAME in place.refused()


def test_a_folder_in_place_of_the_file_is_refused(place: Place) -> None:
    (place.root / FILE_NAME).mkdir()
    assert "not a regular file" in place.refused()


@pytest.mark.parametrize("target", ["/etc/hostname", "/dev/zero", "nowhere", FILE_NAME])
def test_a_link_in_place_of_the_file_leads_nowhere_else(place: Place, target: str) -> None:
    (place.root / FILE_NAME).symlink_to(target)
    assert "not a regular file of the repository" in place.refused()


def test_a_huge_file_is_not_read(place: Place) -> None:
    place.write("#" * 100_000)
    assert "larger than" in place.refused()


@pytest.mark.parametrize(
    "folder",
    [
        "/etc",
        "../x",
        "a/../../x",
        ".",
        "",
        "~/x",
        ".git/x",
        ".GIT/x",
        "a/.git",
        "a\\b",
        "a\tb",
        "./",
    ],
)
def test_a_folder_outside_the_repository_is_refused(place: Place, folder: str) -> None:
    assert "status_dir" in place.refused({}, {"status_dir": folder})


def test_a_folder_that_is_a_link_out_of_the_repository_is_refused(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (place.root / "status").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    assert "leads out of the repository" in place.refused()


def test_a_folder_inside_another_one_is_refused(place: Place) -> None:
    place.write("status_dir: requests/status\n")
    assert "must not be inside requests_dir" in place.refused()


def test_a_folder_may_be_written_with_a_slash_at_its_end(place: Place) -> None:
    place.write("requests_dir: ./network/requests/\n")
    assert place.load().requests_dir == "network/requests"


# --- lists and mappings ---------------------------------------------------------------------


def test_value_rules_are_lists_or_patterns(place: Place) -> None:
    place.write("rules:\n  location: [NYC, BOS]\n  device_name: {pattern: '[A-Z]{3}-.*'}\n")
    rules = place.load().rules
    assert rules["location"] == ("NYC", "BOS")
    assert not isinstance(rules["device_name"], tuple)
    assert rules["device_name"].fullmatch("NYC-1")


CATASTROPHIC = ["(a+)+$", "(a|aa)+b", "(.*a){30}", "(x+x+)+y", "([a-z]+)*[0-9]", "(.*.*.*){1,300}"]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_no_pattern_takes_longer_than_its_value_is_long(place: Place, pattern: str) -> None:
    """Python's own matcher would need years for one of these values."""
    place.write(f"rules:\n  location: {{pattern: '{pattern}'}}\n")
    begin = process_time()
    rule = place.load().rules["location"]
    assert not isinstance(rule, tuple)
    for number in range(100):
        rule.fullmatch("a" * (100 + number) + "!")
        rule.fullmatch("x" * (100 + number) + "!")
    assert process_time() - begin < 3


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(", "missing )"),
        ("(?=a)a", "without look-around"),
        (r"(a)\1", "RE2"),
        ("a++", "RE2"),
        (r"\pL{1,999}", "too large"),
    ],
)
def test_what_the_matcher_does_not_know_is_refused(place: Place, pattern: str, told: str) -> None:
    place.write(f"rules:\n  location: {{pattern: '{pattern}'}}\n")
    message = place.refused()
    assert f"{FILE_NAME}:2:23: rules: the pattern of location is not a regular" in message
    assert told in message


def test_a_pattern_is_about_the_whole_value_and_knows_letters_of_all_languages() -> None:
    assert Pattern(r"\p{Lu}\p{Ll}+").fullmatch("Zürich")
    assert not Pattern("a|ab").fullmatch("abc")
    assert Pattern("a|ab").fullmatch("ab")
    assert not Pattern("a").fullmatch("a\n")
    assert not Pattern(".*").fullmatch("\ud800")


def test_value_rules_can_stand_in_a_variable_or_a_flag(place: Place) -> None:
    environ = {"FRANC_RULES": '{"location": ["NYC"]}'}
    assert place.load(environ).rules == {"location": ("NYC",)}
    flags = {"rules": "{location: [BOS]}"}
    assert place.load(environ, flags).rules == {"location": ("BOS",)}


@pytest.mark.parametrize(
    "rule",
    ["[]", "{}", "{pattern: '('}", "{pattern: a, more: b}", "text", "[[a]]", "{pattern: [a]}"],
)
def test_a_rule_of_another_shape_is_refused(place: Place, rule: str) -> None:
    place.write(f"rules:\n  location: {rule}\n")
    line, _, column = place.refused().removeprefix(f"{FILE_NAME}:").partition(":")
    assert (line, column.partition(" ")[0]) == ("2", "23:" if "'('" in rule else "13:")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("locaton", "did you mean location?"),
        ("interfaces.sped", "did you mean interfaces.speed?"),
        ("colour", "rules can be about user_id, "),
        ("change_number", "rules can be about user_id, "),
    ],
)
def test_a_rule_about_no_field_is_refused_with_its_place(
    place: Place, name: str, told: str
) -> None:
    place.write(f"rules:\n  device_type: [Switch]\n  {name}: [A]\n")
    message = place.refused()
    assert message.startswith(f"{FILE_NAME}:3:3: rules: there is no field {name}; {told}")
    (place.root / FILE_NAME).unlink()
    message = place.refused({"FRANC_RULES": f"{{{name}: [A]}}"})
    assert message.startswith(f"environment FRANC_RULES: rules: there is no field {name}; {told}")


def test_a_variable_that_is_not_yaml_is_refused(place: Place) -> None:
    assert "FRANC_RULES" in place.refused({"FRANC_RULES": "{"})


def test_ledgers_can_be_pinned_by_settings(place: Place) -> None:
    place.write("ledger:\n- {cluster_id: c, topic: franc.gitops.ledger, topic_id: t}\n")
    assert place.load().ledger == (Pin("c", "franc.gitops.ledger", "t", 32),)


@pytest.mark.parametrize(
    "pin",
    [
        "{cluster_id: c}",
        "text",
        "{cluster_id: c, topic: t, topic_id: i, partitions: 0}",
        "{cluster_id: [c], topic: t, topic_id: i}",
        "{cluster_id: c, topic: t, topic_id: i, x: y}",
    ],
)
def test_a_pin_of_another_shape_is_refused(place: Place, pin: str) -> None:
    place.write(f"ledger:\n- {pin}\n")
    assert f"{FILE_NAME}:2:3: ledger: " in place.refused()


# --- the environment ------------------------------------------------------------------------


def test_an_unknown_variable_of_ours_is_refused_with_what_may_be_meant(place: Place) -> None:
    told = place.refused({"FRANC_REQUEST_DIR": "x"})
    assert (
        told == "environment FRANC_REQUEST_DIR: unknown variable; did you mean FRANC_REQUESTS_DIR?"
    )


@pytest.mark.parametrize(
    "name", ["FRANC_PORT", "FRANC_SERVICE_HOST", "FRANC_GITOPS_PORT_8080_TCP_ADDR"]
)
def test_what_kubernetes_sets_for_a_service_called_franc_is_no_error(
    place: Place, name: str
) -> None:
    assert not place.load({name: "tcp://10.0.0.1:80"}).origins


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("1", True),
        ("YES", True),
        ("on", True),
        ("false", False),
        ("0", False),
        ("No", False),
        ("OFF", False),
    ],
)
def test_booleans_of_the_guide(place: Place, text: str, value: bool) -> None:
    assert place.load({"KAFKA_ENABLED": text}).kafka_enabled is value


@pytest.mark.parametrize("text", ["2", "ja", "t", "enabled", "true "])
def test_anything_else_is_no_boolean(place: Place, text: str) -> None:
    told = place.refused({"KAFKA_ENABLED": text})
    assert told.startswith("environment KAFKA_ENABLED: ")
    assert "true, false, 1, 0, yes, no, on or off" in told


def test_all_variables_of_the_guide_are_read(place: Place) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (place.root / name).touch()
    found = place.load(
        {
            "KAFKA_ENABLED": "true",
            "KAFKA_BOOTSTRAP_SERVERS": "b1:9092,b2:9092",
            "KAFKA_TOPIC_PREFIX": "lab",
            "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
            "KAFKA_SASL_MECHANISM": "scram-sha-512",
            "KAFKA_SASL_USERNAME": "franc",
            "KAFKA_SASL_PASSWORD": SECRET,
            "KAFKA_SSL_CAFILE": "ca.pem",
            "KAFKA_SSL_CERTFILE": str(place.root / "cert.pem"),
            "KAFKA_SSL_KEYFILE": "key.pem",
        }
    )
    assert found.topic_prefix == "lab"
    assert found.kafka == KafkaConnection(
        bootstrap_servers="b1:9092,b2:9092",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="franc",
        sasl_password=SECRET,
        ssl_cafile=str(place.root / "ca.pem"),
        ssl_certfile=str(place.root / "cert.pem"),
        ssl_keyfile=str(place.root / "key.pem"),
    )


def test_a_certificate_that_is_not_there_is_named_with_its_variable(place: Place) -> None:
    told = place.refused({"KAFKA_SSL_CAFILE": "nowhere.pem"})
    assert told == f"environment KAFKA_SSL_CAFILE: there is no file {place.root / 'nowhere.pem'}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("KAFKA_CONNECT_TIMEOUT", "soon"),
        ("KAFKA_CONNECT_TIMEOUT", "0"),
        ("KAFKA_TOPIC_PREFIX", "a b"),
    ],
)
def test_a_value_that_kafka_would_refuse_is_refused_by_name(
    place: Place, name: str, value: str
) -> None:
    assert place.refused({name: value}).startswith(f"environment {name}: {value!r} is not ")


def test_a_misspelt_kafka_variable_is_warned_of(place: Place) -> None:
    found = place.load({"KAFKA_BOOTSTRAP_SERVER": "b:9092", "KAFKA_HEAP_OPTS": "-Xmx1g"})
    assert found.warnings == (
        "environment KAFKA_BOOTSTRAP_SERVER is not read; did you mean KAFKA_BOOTSTRAP_SERVERS?",
    )


def test_what_needs_no_broker_does_not_care_about_its_settings(place: Place) -> None:
    found = place.load({"KAFKA_ENABLED": "maybe", "KAFKA_SSL_CAFILE": "nowhere"}, with_kafka=False)
    assert not found.kafka_enabled


def test_kafka_settings_can_be_read_alone(place: Place) -> None:
    place.dotenv("KAFKA_ENABLED=on\nKAFKA_TOPIC_PREFIX=lab\n")
    found = load_kafka_settings(place.root, is_tracked=lambda _: False, environ={"FRANC_X": "y"})
    assert (found.enabled, found.topic_prefix) == (True, "lab")
    with pytest.raises(SettingsError):
        load_kafka_settings(place.root, is_tracked=lambda _: False, environ={"KAFKA_ENABLED": "?"})


# --- secrets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD", "KAFKA_OIDC_CLIENT_SECRET"]
)
def test_a_secret_may_come_from_a_file_and_shows_nowhere(
    place: Place, name: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    found = place.load({f"{name}_FILE": str(tmp_path / "secret")})
    assert found.kafka.secrets == (SECRET,)
    assert found.origins[name] == f"file named by environment {name}_FILE"
    assert SECRET not in repr(found)


def test_a_secret_with_a_mistake_in_it_is_not_shown(place: Place) -> None:
    told = place.refused({"KAFKA_SASL_PASSWORD": f"{SECRET}\n"})
    assert told == "environment KAFKA_SASL_PASSWORD: its value is not allowed"


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"\xff\n", b"x" * 100_000, None])
def test_a_file_that_holds_no_secret_is_refused(place: Place, content: bytes | None) -> None:
    if content is not None:
        (place.root / "secret").write_bytes(content)
    told = place.refused({"KAFKA_SASL_PASSWORD_FILE": "secret"})
    assert told.startswith("environment KAFKA_SASL_PASSWORD_FILE: ")


def test_a_secret_given_twice_in_one_place_is_refused(place: Place) -> None:
    environ = {"KAFKA_SASL_PASSWORD": "a", "KAFKA_SASL_PASSWORD_FILE": "b"}
    assert "are both set" in place.refused(environ)


def test_the_environment_wins_over_a_file_named_in_dotenv(place: Place) -> None:
    place.dotenv("KAFKA_SASL_PASSWORD_FILE=nowhere\n")
    assert place.load({"KAFKA_SASL_PASSWORD": "a"}).kafka.sasl_password == "a"


# --- .env -----------------------------------------------------------------------------------


def test_dotenv_is_read_literally(place: Place) -> None:
    place.dotenv("export KAFKA_SASL_PASSWORD='pa$$word ${HOME}'\nKAFKA_SASL_USERNAME=u # who\n")
    found = place.load()
    assert found.kafka.sasl_password == "pa$$word ${HOME}"
    assert found.kafka.sasl_username == "u"


def test_a_tracked_dotenv_is_ignored_with_a_warning(place: Place) -> None:
    place.dotenv("KAFKA_ENABLED=true\nFRANC_NONSENSE=1\n")
    place.tracked = True
    found = place.load()
    assert not found.kafka_enabled
    assert found.warnings[0].startswith(".env is ignored, because git tracks it")


def test_without_a_dotenv_git_is_not_asked(place: Place) -> None:
    def is_tracked(_: Path) -> bool:
        raise AssertionError

    load_settings(place.root, environ={}, is_tracked=is_tracked)


def test_a_line_of_dotenv_that_says_nothing_is_refused(place: Place) -> None:
    place.dotenv("KAFKA_ENABLED=true\n'???\n")
    assert place.refused().startswith(".env:2:1: ")


def test_a_path_in_dotenv_begins_at_the_repository(place: Place) -> None:
    (place.root / "ca.pem").touch()
    (place.root / "below").mkdir()
    place.dotenv("KAFKA_SSL_CAFILE=ca.pem\n")
    found = load_settings(place.root / "below", environ={}, is_tracked=lambda _: False)
    assert found.kafka.ssl_cafile == str(place.root / "ca.pem")


# --- the tables -----------------------------------------------------------------------------


def test_every_setting_and_variable_says_what_it_is_for() -> None:
    assert all(key.meaning.endswith(".") for key in KEYS.values())
    assert {field.name for field in fields(KafkaConnection)} == set(MEANINGS)
    assert all(variable.meaning.endswith(".") for variable in variables().values())


def test_settings_never_change() -> None:
    found = Settings(root=Path())
    with pytest.raises(AttributeError):
        found.source = "other"  # type: ignore[misc]


def test_the_schema_accepts_what_is_read_and_refuses_what_is_refused(place: Place) -> None:
    schema = configuration_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    check = jsonschema.Draft7Validator(schema).is_valid
    assert check(
        {"requests_dir": "a/b", "rules": {"location": ["x"], "device_name": {"pattern": "a"}}}
    )
    assert check(dict.fromkeys(name for name, key in KEYS.items() if key.in_file))
    assert not check({"require_signed_commits": "keys"})
    assert not check({"requests_dir": "../a"})
    assert not check({"request_dir": "a"})
    assert not check({"write_back": "paper"})
    assert not check({"rules": {"location": "x"}})
    assert json.dumps(schema)
