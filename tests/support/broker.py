"""Real Apache Kafka brokers for tests, demo and bench: a process each, on free loopback ports.

    with start_broker() as broker:
        create_topics(broker.bootstrap, ["franc.device.connection"], partitions=3)
        ...
        broker.kill(); broker.restart()

As a program it runs a broker for the time of a command, which finds it in KAFKA_BOOTSTRAP_SERVERS:

    python -m tests.support.broker -- franc-gitops publish
    python -m tests.support.broker --print-bootstrap     # until standard input ends
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.console import ConsumedRecord, console_consume
from tests.support.kafka_jars import java_command
from tests.support.reaper import watch_over
from tests.support.topics import alter_config, create_topics, delete_topic, grant, revoke
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.security import Security

__all__ = [
    "Broker",
    "BrokerFailedError",
    "Cluster",
    "ConsumedRecord",
    "alter_config",
    "console_consume",
    "create_topics",
    "delete_topic",
    "free_port",
    "grant",
    "revoke",
    "start_broker",
    "start_cluster",
]

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
STARTED = b"Kafka Server started"
# Below the ports that systems lend to outgoing connections: none of those can take the port of a
# broker that is down, nor can a client that reconnects to it end up connected to itself.
PORTS = range(15000, 32000)
_SHARE = 1000
"""Ports of each process that runs tests beside others: none takes what another has chosen."""
PLAIN_PROTOCOLS = {"PLAINTEXT": "PLAINTEXT"}
SECURE_PROTOCOLS = {"PLAINTEXT": "PLAINTEXT", "SASL_SSL": "SASL_SSL", "SSL": "SSL"}

_given: set[int] = set()

running: weakref.WeakSet[Broker] = weakref.WeakSet()
"""Every broker of this process, for whoever wants to show their logs."""


class BrokerFailedError(RuntimeError):
    """A broker did not start or stop; the message ends with the last lines of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on and that was not given before."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = PORTS.start + worker * _SHARE % len(PORTS)
    mine = [port for port in range(first, first + _SHARE) if port not in _given]
    for port in random.sample(mine, min(100, len(mine))):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            _given.add(port)
            return port
    message = f"no free port from {PORTS.start} to {PORTS.stop}"
    raise BrokerFailedError(message)


def random_id() -> str:
    """A cluster id as Kafka makes them: 22 characters of base64, none of them a leading dash."""
    return "F" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


class Broker:
    """One KRaft node, broker and controller in one process; `bootstrap` is its plaintext listener.

    `listeners` maps further listener names to protocols, `advertise` a listener to the address
    that clients are told instead of its own, `properties` overrides anything in server.properties.
    """

    def __init__(
        self,
        *,
        secure: bool = False,
        heap: str = "512m",
        properties: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        advertise: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="franc-kafka-"))
        watch_over(f"folder {self.folder}")
        self.node_id = 1
        self.cluster_id = random_id()
        self.log_file = self.folder / "server.log"
        self.protocols = {**(SECURE_PROTOCOLS if secure else PLAIN_PROTOCOLS), **(listeners or {})}
        self.ports = {name: free_port() for name in self.protocols}
        self.controller_port = free_port()
        self.voters = {self.node_id: self.controller_port}
        self.properties = dict(properties or {})
        self._advertise = dict(advertise or {})
        self._heap = heap
        self._options = list(options)
        self._security = _security(self.folder / "tls") if secure else None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        running.add(self)

    # ------------------------------------------------------------------ where it is

    @property
    def bootstrap(self) -> str:
        """The plaintext address; on a secure broker its anonymous user may do everything."""
        return self.address("PLAINTEXT")

    def address(self, listener: str) -> str:
        """The address of one listener: PLAINTEXT, SASL_SSL, SSL or one that was asked for."""
        return f"{HOST}:{self.ports[listener]}"

    @property
    def security(self) -> Security:
        """Certificates and users of a broker that was started with `secure=True`."""
        assert self._security is not None, "start it with secure=True"
        return self._security

    def settings(self, **overrides: str) -> dict[str, str]:
        """KAFKA_* variables for the plaintext listener."""
        return {"KAFKA_ENABLED": "true", "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, **overrides}

    def password_settings(
        self, user: str = "franc", password: str | None = None, mechanism: str = "SCRAM-SHA-512"
    ) -> dict[str, str]:
        """KAFKA_* variables for the SASL_SSL listener."""
        return {
            **self.settings(KAFKA_BOOTSTRAP_SERVERS=self.address("SASL_SSL")),
            **self.security.password_settings(user, password, mechanism),
        }

    def certificate_settings(self) -> dict[str, str]:
        """KAFKA_* variables for the SSL listener with the client certificate of `franc`."""
        return {
            **self.settings(KAFKA_BOOTSTRAP_SERVERS=self.address("SSL")),
            **self.security.certificate_settings(),
        }

    # ------------------------------------------------------------------ life

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    def format(self) -> None:
        """Write the settings and make the data folder a member of the cluster."""
        configuration = self._write_properties()
        scram = self._security.format_arguments() if self._security else []
        tool = ["format", "-t", self.cluster_id, "-c", str(configuration), *scram]
        done = subprocess.run(
            java_command("format", "kafka.tools.StorageTool", *tool),
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
        if done.returncode:
            message = f"Kafka could not format its data folder: {done.stdout}{done.stderr}"
            raise BrokerFailedError(message)

    def launch(self) -> None:
        """Start the process, without waiting until it serves."""
        assert self._process is None, "the broker is running"
        configuration = self._write_properties()
        command = java_command(
            "broker", "kafka.Kafka", str(configuration), heap=self._heap, options=self._options
        )
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        watch_over(f"+{self.pid}")

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Return once it serves clients; BrokerFailedError if it ends or takes too long."""
        try:
            wait_for(self._is_ready, what="the broker to start", seconds=seconds)
        except TimeoutError as late:
            raise self._failed(str(late)) from None

    def stop(self) -> None:
        """Shut down in order (SIGTERM); the data stays for `restart`."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        self._wait_gone()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power failure of the process would."""
        if self._process is None:
            return
        self._process.kill()
        self._wait_gone()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers, no thread of it."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_for(self._stands_still, what="every thread to stop", seconds=STOP_SECONDS)

    def _stands_still(self) -> bool:
        states = [
            (thread / "stat").read_text().rpartition(")")[2].split()[0]
            for thread in Path(f"/proc/{self.pid}/task").iterdir()
        ]
        return set(states) == {"T"}

    def resume(self) -> None:
        """Let a paused broker go on."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(
        self, port: int | None = None, *, properties: Mapping[str, str] | None = None
    ) -> None:
        """Stop it, start it again on the same data; on another plaintext port if given."""
        self.stop()
        if port is not None:
            self.ports["PLAINTEXT"] = port
        self.properties.update(properties or {})
        self.launch()
        self.wait_ready()

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        running.discard(self)

    def log_size(self) -> int:
        """Bytes that the broker has logged."""
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def log_tail(self, lines: int = 40, since: int = 0) -> str:
        """The last lines that the broker logged, after its first `since` bytes."""
        with suppress(FileNotFoundError):
            log = self.log_file.read_bytes()[since:].decode(errors="replace")
            return "\n".join(log.splitlines()[-lines:])
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<broker {self.node_id} at {self.bootstrap}>"

    # ------------------------------------------------------------------ inside

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            reason = f"the broker ended with {self._process.returncode}"
            self._wait_gone()
            raise self._failed(reason)
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return STARTED in log.read()

    def _wait_gone(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise self._failed(f"the broker did not stop in {STOP_SECONDS:g} s") from None
        finally:
            watch_over(f"-{self._process.pid}")
            self._process = None

    def _failed(self, reason: str) -> BrokerFailedError:
        return BrokerFailedError(f"{reason}; the end of its log:\n{self.log_tail()}")

    def _write_properties(self) -> Path:
        names = {**self.protocols, "CONTROLLER": "PLAINTEXT"}
        addresses = {name: self.address(name) for name in self.protocols}
        quorum = ",".join(f"{node}@{HOST}:{port}" for node, port in self.voters.items())
        lines = {
            **_SMALL,
            "process.roles": "broker,controller",
            "node.id": str(self.node_id),
            "controller.quorum.voters": quorum,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": _listed(
                addresses | {"CONTROLLER": f"{HOST}:{self.controller_port}"}, "://"
            ),
            "advertised.listeners": _listed(addresses | self._advertise, "://"),
            "listener.security.protocol.map": _listed(names, ":"),
            "log.dirs": str(self.folder / "data"),
            **(self._security.properties() if self._security else {}),
            **self.properties,
        }
        configuration = self.folder / "server.properties"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return configuration


class Cluster:
    """Several nodes of one cluster; `brokers` may be stopped, killed and paused one by one."""

    def __init__(self, brokers: Sequence[Broker]) -> None:
        self.brokers = tuple(brokers)

    @property
    def bootstrap(self) -> str:
        """The plaintext addresses of all nodes."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def node(self, node_id: int) -> Broker:
        """The broker with that id, as metadata names the leader of a partition."""
        return self.brokers[node_id - 1]

    def settings(self, **overrides: str) -> dict[str, str]:
        """KAFKA_* variables for all nodes."""
        return self.brokers[0].settings(**{"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, **overrides})

    def close(self) -> None:
        """End all nodes and remove their data."""
        for broker in self.brokers:
            broker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_broker(
    *,
    secure: bool = False,
    heap: str = "512m",
    properties: Mapping[str, str] | None = None,
    listeners: Mapping[str, str] | None = None,
    advertise: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Broker:
    """A single node that serves; `secure` adds TLS, passwords and ACLs (see security.py)."""
    broker = Broker(
        secure=secure,
        heap=heap,
        properties=properties,
        listeners=listeners,
        advertise=advertise,
        options=options,
    )
    try:
        broker.format()
        broker.launch()
        broker.wait_ready()
    except BaseException:
        broker.close()
        raise
    return broker


def start_cluster(
    nodes: int = 3, *, heap: str = "384m", properties: Mapping[str, str] | None = None
) -> Cluster:
    """Nodes that replicate to each other, internal topics too; all but one must be in sync."""
    shared = {**_replicated(nodes), **(properties or {})}
    brokers = [Broker(heap=heap, properties=shared) for _ in range(nodes)]
    voters = {number: broker.controller_port for number, broker in enumerate(brokers, start=1)}
    cluster = Cluster(brokers)
    try:
        for number, broker in enumerate(brokers, start=1):
            broker.node_id, broker.voters = number, voters
            broker.cluster_id = brokers[0].cluster_id
            broker.format()
            broker.launch()
        for broker in brokers:
            broker.wait_ready()
    except BaseException:
        cluster.close()
        raise
    return cluster


_SMALL = {
    "auto.create.topics.enable": "false",
    "background.threads": "2",
    # A node that was killed may come back once its session is over: 9 s by default.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    "num.io.threads": "4",
    "num.network.threads": "2",
    "offsets.topic.num.partitions": "5",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "5",
    "transaction.state.log.replication.factor": "1",
}


def _replicated(nodes: int) -> dict[str, str]:
    in_sync = str(max(1, nodes - 1))
    return {
        "default.replication.factor": str(nodes),
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": str(nodes),
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.replication.factor": str(nodes),
    }


def _listed(pairs: Mapping[str, str], between: str) -> str:
    return ",".join(f"{name}{between}{value}" for name, value in pairs.items())


def _security(folder: Path) -> Security:
    # The cryptography package comes with the test extra; the demo's broker does without it.
    from tests.support.security import Security

    return Security(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker for the time of a command, or until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.broker")
    parser.add_argument("--heap", default="512m", help="memory of the broker (default: 512m)")
    parser.add_argument(
        "--print-bootstrap",
        action="store_true",
        help="print the address and serve until standard input ends",
    )
    parser.add_argument(
        "command", nargs="*", help="a command that finds KAFKA_* in its environment"
    )
    chosen = parser.parse_args(arguments)
    if bool(chosen.command) == chosen.print_bootstrap:
        parser.error("give either --print-bootstrap or a command")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with start_broker(heap=chosen.heap) as broker:
        if chosen.print_bootstrap:
            print(broker.bootstrap, flush=True)
            sys.stdin.read()
            return 0
        return subprocess.run(
            chosen.command, env={**os.environ, **broker.settings()}, check=False
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
