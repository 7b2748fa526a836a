"""Apache Kafka's jars, fetched once by Maven into .cache/kafka, and how to run them."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
POM = REPOSITORY / "tests" / "kafka" / "pom.xml"
CACHE = REPOSITORY / ".cache" / "kafka"
OLDEST_JAVA = 17
FETCH_SECONDS = 600
# A short-lived JVM wants to start fast: the first compiler only, the smallest collector.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
# Warnings of the JVM itself (say, an outdated archive) must not mix with what the program prints.
QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


class KafkaMissingError(RuntimeError):
    """Kafka cannot be run here; the message is one line that says what to install."""


def home() -> Path:
    """The folder of what pom.xml names; another pom.xml, another folder."""
    return CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]


def jars() -> list[Path]:
    """The fetched jars in class path order, fetching them first when that has not happened."""
    libs = home() / "libs"
    if not libs.is_dir():
        with one_at_a_time("fetch"):
            if not libs.is_dir():
                _fetch(libs)
    return sorted(libs.glob("*.jar"))


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Hold the lock for a step of the installation; other processes wait here."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(libs: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        message = "Apache Kafka is fetched by Maven: install it (mvn on PATH)"
        raise KafkaMissingError(message)
    with tempfile.TemporaryDirectory(dir=libs.parent) as scratch:
        arriving = Path(scratch, "libs")
        command = [
            *(maven, "--batch-mode", "--quiet", "--no-transfer-progress", "--file", str(POM)),
            *("dependency:copy-dependencies", f"-DoutputDirectory={arriving}"),
            "-DincludeScope=runtime",
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS
        )
        if done.returncode:
            reason = (done.stdout + done.stderr).strip()[-2000:]
            message = f"Maven could not fetch Apache Kafka: {reason}"
            raise KafkaMissingError(message)
        arriving.rename(libs)


@functools.cache
def java() -> str:
    """The java program: of JAVA_HOME, else of PATH; at least version 17."""
    java_home = os.environ.get("JAVA_HOME")
    program = str(Path(java_home, "bin", "java")) if java_home else shutil.which("java")
    wanted = f"Apache Kafka needs Java {OLDEST_JAVA} or newer: install it (java on PATH)"
    if program is None:
        raise KafkaMissingError(wanted)
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise KafkaMissingError(wanted)
    return program


def archive(kind: str) -> Path:
    """Where the class data of one kind of JVM lies, mapped at start to save the class loading."""
    return home() / f"{kind}.jsa"


def java_command(
    kind: str, main: str, *arguments: str, heap: str = "256m", options: Sequence[str] = ()
) -> list[str]:
    """A quick-starting java command for a Kafka main class; `kind` picks the class data archive."""
    shared = archive(kind)
    return [
        *(java(), f"-Xmx{heap}", *QUICK_START, *QUIET),
        *([f"-XX:SharedArchiveFile={shared}"] if shared.is_file() else []),
        *(f"-Dlog4j2.configurationFile=file:{POM.with_name('log4j2.properties')}", *options),
        *("-cp", os.pathsep.join(map(str, jars())), main, *arguments),
    ]
