"""Request files to measure with: realistic, all different, about 470 bytes each.

    python -m bench.corpus 10000 FOLDER [--git]

Two thirds connect a device with two to five interfaces, the rest deploy data centres and PoPs.
`--git` makes FOLDER a git repository and commits the files.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

_CONNECTION = """\
# Connect the access switch in row {row}
type: device_connection
change_number: {change}
device_name: NYC-Core-SW{number:06d}
device_type: Switch
location: NYC Building {letter}
interfaces:
  - {{name: Gi0/1, speed: 1 Gbit, role: data, vpc_group: vPC-{group}}}
  - {{name: Gi0/2, speed: 1 Gbit, role: data, vpc_group: vPC-{group}}}
{more}"""
_MORE = "  - {{name: Te1/{port}, speed: 10 Gbit, role: {role}}}\n"
_DATACENTER = """\
# Requested by the capacity team, wave {row}; rack plan and cabling are in the change ticket.
# Power and cooling were confirmed by facilities. The uplinks go to both providers of the metro.
type: datacenter_deployment
change_number: {change}
dc_name: NYC-DC-{number:06d}
location: New York Metro
design_pattern: Spine-Leaf
user_id: planner{row}
not_before: 2024-01-01T00:00:00Z
"""
_POP = """\
# Point of presence of wave {row}; the contract with the provider is signed.
# Cross connects are ordered, the hand-over is in the meet-me room on the second floor.
type: pop_deployment
change_number: {change}
pop_name: NYC-PoP-{number:06d}
location: New York Metro
design_pattern: Hub-Spoke
provider: Equinix
user_id: planner{row}
not_before: 2024-01-01T00:00:00Z
"""
_PER_FOLDER = 1000
_PER_YEAR = 900_000


def request_text(number: int) -> str:
    """The YAML of one request; another number gives another request."""
    year, rest = divmod(number, _PER_YEAR)
    facts = {
        "change": f"CHG-{2024 + year}-{rest:06d}",
        "number": number,
        "row": number % 40,
        "letter": "ABCDEF"[number % 6],
        "group": number % 9 + 1,
    }
    if number % 6 == 0:
        return _DATACENTER.format(**facts)
    if number % 6 == 1:
        return _POP.format(**facts)
    more = "".join(
        _MORE.format(port=port, role="management" if port == 1 else "data")
        for port in range(1, number % 4 + 2)
    )
    return _CONNECTION.format(**facts, more=more)


def write_corpus(folder: Path, count: int, start: int = 0) -> list[Path]:
    """Write request files below `folder`/requests, a thousand to a sub-folder."""
    files = []
    for number in range(start, start + count):
        file = folder / "requests" / f"{number // _PER_FOLDER:04d}" / f"CHG-{number:06d}.yaml"
        if number % _PER_FOLDER == 0 or number == start:
            file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(request_text(number))
        files.append(file)
    return files


def commit(folder: Path, message: str = "Order changes") -> None:
    """Commit everything below `folder`, which becomes a repository if it is none."""
    git = ["git", "-C", str(folder), "-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    if not (folder / ".git").exists():
        subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", message], check=True)


def main() -> None:
    """Write a corpus from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--git", action="store_true")
    arguments = parser.parse_args()
    write_corpus(arguments.folder, arguments.count)
    if arguments.git:
        commit(arguments.folder)


if __name__ == "__main__":
    main()
