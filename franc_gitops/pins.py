"""The pins of the Kafka ledgers, kept in the repository as `status/.ledger.yaml`.

One entry per accepted cluster. Git keeps the file, so that a publisher that suddenly sees
another ledger (a wrong address, a re-created topic) refuses instead of starting afresh.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from franc_gitops.errors import SettingsError
from franc_gitops.model import Pin
from franc_gitops.strict_yaml import Refused, dump, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from franc_gitops.model import Value

FILE_NAME = ".ledger.yaml"
HEADER = (
    "# Written by franc-gitops. The ledgers that may be published to; git keeps this file.\n"
    "# To accept another one: franc-gitops publish --accept-ledger\n"
)
_NAMES = tuple(field.name for field in fields(Pin))


def encode(pins: Iterable[Pin]) -> bytes:
    """Give the file's content."""
    return (HEADER + dump({"ledgers": [asdict(pin) for pin in pins]})).encode()


def decode(content: bytes, where: str) -> tuple[Pin, ...]:
    """Read the file's content; raises SettingsError for one that is not ours."""
    try:
        documents = load(content)
        ledgers = documents[0]["ledgers"]
        return _only_one_each([_pin(entry) for entry in ledgers])  # type: ignore[union-attr]
    except (Refused, LookupError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{where} cannot be read: {str(error) or 'it is not YAML as we write it'}",
            hint="bring it back from git; without it any ledger would be accepted",
        ) from error


def merge(before: Iterable[Pin], ours: Iterable[Pin], theirs: Iterable[Pin]) -> tuple[Pin, ...]:
    """Join two changes of the same pins; where both changed a cluster's pin, ours counts."""
    old, new, other = ({pin.cluster_id: pin for pin in pins} for pins in (before, ours, theirs))
    joined = {
        cluster: other.get(cluster) if new.get(cluster) == old.get(cluster) else new.get(cluster)
        for cluster in sorted({*new, *other})
    }
    return tuple(pin for pin in joined.values() if pin)


def _only_one_each(found: list[Pin]) -> tuple[Pin, ...]:
    clusters = {pin.cluster_id for pin in found}
    if not found or len(clusters) < len(found):
        raise ValueError("it must name at least one ledger, and one for each cluster")
    return tuple(found)


def _pin(entry: Value) -> Pin:
    if not isinstance(entry, dict) or set(entry) != set(_NAMES):
        raise ValueError(f"an entry has {', '.join(_NAMES)}")
    cluster_id, topic, topic_id, partitions = (str(entry[name]) for name in _NAMES)
    return Pin(cluster_id, topic, topic_id, int(partitions))
