"""`python -m tests.soak`: see the package."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Soak, Wishes


def main() -> int:
    """Run a soak, say its seed, and end with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cluster", action="store_true", help="three nodes instead of one broker")
    parser.add_argument("--keep", action="store_true", help="keep the folder, whatever happens")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="franc-soak-"))
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, in {folder}", flush=True)
    wishes = Wishes(chosen.minutes * 60, chosen.seed, chosen.cluster, tell=_say)
    faults = Soak(wishes, folder).run()
    if faults or chosen.keep:
        print(f"logs and files stay in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"seed {chosen.seed}: {f'{len(faults)} wrong' if faults else 'all well'}")
    return bool(faults)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
