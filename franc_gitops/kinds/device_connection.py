"""Connect the interfaces of a network device, in virtual port channels where named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from franc_gitops.kinds.fields import Finding, Names, Rows, Text
from franc_gitops.kinds.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from franc_gitops.kinds.fields import Fields

SPEEDS = tuple(f"{number} Gbit" for number in (1, 10, 25, 40, 50, 100, 200, 400))
ROLES = ("data", "management")


def _groups(fields: Fields) -> list[tuple[int, str]]:
    """Give number and vPC group of each interface that has one, in order."""
    interfaces = fields.get("interfaces")
    rows = interfaces if isinstance(interfaces, list) else []
    names = [row.get("vpc_group") if isinstance(row, dict) else None for row in rows]
    return [(index, name) for index, name in enumerate(names) if name and isinstance(name, str)]


def _complete(fields: Fields) -> Fields:
    """Derive `vpc_groups`, in order of first use."""
    return {**fields, "vpc_groups": list(dict.fromkeys([name for _, name in _groups(fields)]))}


def _inspect(fields: Fields) -> Iterable[Finding]:
    groups = _groups(fields)
    given = fields.get("vpc_groups")
    if not groups and given is None:
        return ()
    members: dict[str, int] = {}  # a Counter takes longer to make than a file to read
    for _, name in groups:
        members[name] = members.get(name, 0) + 1
    return [*_compare(given, list(members)), *_find_lonely(groups, members)]


def _find_lonely(groups: list[tuple[int, str]], members: dict[str, int]) -> Iterator[Finding]:
    if 1 not in members.values():
        return
    for index, name in groups:
        if members[name] == 1:
            message = f"vPC group {name} has one member only"
            hint = "check the name, or give a second interface the same vpc_group"
            yield Finding("FRN250", ("interfaces", index, "vpc_group"), message, hint)


def _compare(given: object, derived: list[str]) -> Iterator[Finding]:
    if isinstance(given, list) and given != derived:
        said = ", ".join(derived) or "none"
        hint = f"write `vpc_groups: [{', '.join(derived)}]`, or leave the line out"
        message = f"vpc_groups is not what the interfaces use, in order of first use: {said}"
        yield Finding("FRN212", ("vpc_groups",), message, hint)


KIND = Kind(
    type="device_connection",
    title="Device connection",
    meaning="Connect the interfaces of a network device.",
    request_prefix="device_conn_",
    event_prefix="conn_",
    topic="device.connection",
    own=(
        Text("device_name", "Name of the device, as in the inventory.", "NYC-Core-SW01"),
        Text("device_type", "What the device is, such as Switch or Router.", "Switch"),
        Text("location", "Building or site where the device stands.", "NYC Building A"),
        Rows(
            "interfaces",
            "The interfaces to connect, one or more; their names differ.",
            "interface",
            (
                Text("name", "Name of the interface on the device.", "Gi0/1"),
                Text("speed", "Speed of the interface.", "1 Gbit", rule=SPEEDS),
                Text("role", "What the interface carries.", "data", rule=ROLES),
                Text(
                    "vpc_group",
                    "Virtual port channel that the interface belongs to; null in the event if "
                    "absent.",
                    "vPC-1",
                    required=False,
                ),
            ),
            key="name",
        ),
        Names(
            "vpc_groups",
            "The vPC groups of the interfaces, in order of first use. Derived from them; if "
            "given, it must say the same.",
            ("vPC-1",),
            required=False,
        ),
    ),
    example={
        "device_name": "NYC-Core-SW01",
        "device_type": "Switch",
        "location": "NYC Building A",
        "interfaces": [
            {"name": "Gi0/1", "speed": "1 Gbit", "role": "data", "vpc_group": "vPC-1"},
            {"name": "Gi0/2", "speed": "1 Gbit", "role": "data", "vpc_group": "vPC-1"},
        ],
    },
    claims=(("device_name", "interfaces.name"),),
    complete=_complete,
    inspect=_inspect,
)
