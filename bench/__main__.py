"""Measure, and print figures and ratios that come from this one run.

python -m bench                       everything, as docs/benchmarks.md describes it
python -m bench validate one-file     some rows
python -m bench --size 0.01           a hundredth of the files: to see that it works
"""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from bench import fresh, memory, publishing, transactions, unchanged, validating, watch
from bench.setting import Setting
from franc_gitops import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.table import Row

ROWS: Mapping[str, Callable[[Setting], Row]] = {
    "one-file": validating.one_file,
    "validate": validating.many_files,
    "readable": publishing.readable,
    "publish": publishing.whole_command,
    "transactions": transactions.transactions,
    "nothing": unchanged.unchanged,
    "fresh": fresh.fresh,
    "memory": memory.memory,
    "saved": watch.saved,
    "committed": watch.committed,
    "dropped": watch.dropped,
    "idle": watch.idle,
}


def main() -> None:
    """Run the rows that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=_first_line())
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}")
    parser.add_argument(
        "--size", type=float, default=1.0, help="scales the numbers of files (default: 1)"
    )
    parser.add_argument("--rounds", type=int, help="runs of each contender (default: by row)")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    print(_machine(), flush=True)
    with Setting(chosen.size, chosen.rounds) as setting:
        for name in chosen.names or ROWS:
            print("\n".join(ROWS[name](setting).lines()), flush=True)


def _first_line() -> str:
    return (__doc__ or "").splitlines()[0]


def _machine() -> str:
    """What the figures depend on, for whoever reads them later."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("confluent-kafka", "pyyaml"))
    return (
        f"franc-gitops {__version__}, Python {platform.python_version()}, {packages}; "
        f"{len(os.sched_getaffinity(0))} processors, {platform.machine()}, "
        f"{platform.system()} {platform.release()}; load {os.getloadavg()[0]:.1f}\n"
    )


if __name__ == "__main__":
    main()
