"""What people ask for during a soak: requests added, revised, cancelled, broken, mended, moved.

Each change is remembered, so that in the end every event can be held against what was written.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.git import Clone

KINDS = ("device_connection", "datacenter_deployment", "pop_deployment")
_BODIES = {
    "device_connection": (
        "device_name: {name}\ndevice_type: Switch\nlocation: NYC Building A\ninterfaces:\n"
        "  - {{name: Gi0/1, speed: 1 Gbit, role: data}}\n"
    ),
    "datacenter_deployment": (
        "dc_name: {name}\nlocation: New York Metro\ndesign_pattern: Spine-Leaf\n"
    ),
    "pop_deployment": (
        "pop_name: {name}\nlocation: New York Metro\ndesign_pattern: Hub-Spoke\nprovider: Equinix\n"
    ),
}


@dataclass
class Asked:
    """One request and all that was ever written about it."""

    number: int
    kind: str
    path: str
    revision: int = 1
    not_before: str = ""
    is_cancelled: bool = False
    is_broken: bool = False
    is_deleted: bool = False
    remarks: int = 0

    @property
    def change_number(self) -> str:
        """The key of its events."""
        return f"CHG-2025-{self.number:06d}"

    def name(self, revision: int) -> str:
        """The name that a revision, and no other, gives to what is asked for."""
        return f"SOAK-{self.number:06d}-R{revision}"

    @property
    def text(self) -> str:
        """The file as it is meant."""
        lines = [f"# remark {n}" for n in range(self.remarks)]
        lines += [f"type: {self.kind}", f"change_number: {self.change_number}"]
        lines += [f"revision: {self.revision}"]
        lines += [f"not_before: {self.not_before}"] if self.not_before else []
        lines += ["cancel: not wanted any more"] if self.is_cancelled else []
        lines += ["colour: blue"] if self.is_broken else []
        return "\n".join(lines) + "\n" + _BODIES[self.kind].format(name=self.name(self.revision))


@dataclass
class Changes:
    """Makes random changes in a clone, each saved as some editor saves."""

    clone: Clone
    chance: random.Random
    asked: list[Asked] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)
    _uncommitted: int = 0

    def make_one(self) -> None:
        """Change something; commit now and then."""
        names, weights = zip(*_WEIGHTS.items(), strict=True)
        name = self.chance.choices(names, weights)[0]
        if getattr(self, f"_{name}")():
            self.made[name] = self.made.get(name, 0) + 1
            self._uncommitted += 1
        if self._uncommitted >= self.chance.randint(1, 4):
            self.commit()

    def begin(self) -> None:
        """Make the first commit, with the first request."""
        self._uncommitted += self._add()
        self.commit()

    def commit(self) -> None:
        """Commit the requests as they are."""
        if self._uncommitted:
            self.clone.git("add", "--all", "requests")
            options = ("--quiet", "--allow-empty", "-m", "Change requests")
            self.clone.git("commit", *options, stdin=None, **_now())
            self._uncommitted = 0

    def mend_all(self) -> None:
        """Leave nothing broken, and commit it."""
        for asked in self.asked:
            if asked.is_broken and not asked.is_deleted:
                self._mend_one(asked)
        self._uncommitted += 1
        self.commit()

    # --- changes; each tells whether there was anything to change -----------------------------

    def _add(self) -> bool:
        number = len(self.asked)
        folder = f"requests/{number // 100:02d}"
        asked = Asked(number, self.chance.choice(KINDS), f"{folder}/{number:06d}.yaml")
        if self.chance.random() < 0.1:
            due = datetime.now(UTC) + timedelta(seconds=self.chance.uniform(2, 8))
            asked.not_before = due.isoformat(timespec="seconds")
        asked.is_broken = self.chance.random() < 0.05
        self.asked.append(asked)
        return self._save(asked)

    def _revise(self) -> bool:
        asked = self._choose(lambda each: not each.is_broken and not each.is_cancelled)
        if asked is None:
            return False
        asked.revision += 1
        return self._save(asked)

    def _cancel(self) -> bool:
        asked = self._choose(lambda each: not each.is_broken and not each.is_cancelled)
        if asked is None:
            return False
        asked.is_cancelled = True
        return self._save(asked)

    def _break(self) -> bool:
        asked = self._choose(lambda each: not each.is_broken and not each.is_cancelled)
        if asked is None:
            return False
        asked.is_broken = True
        asked.revision += 1
        return self._save(asked)

    def _mend(self) -> bool:
        asked = self._choose(lambda each: each.is_broken)
        return self._mend_one(asked) if asked else False

    def _mend_one(self, asked: Asked) -> bool:
        asked.is_broken = False
        asked.revision += 1
        return self._save(asked)

    def _remark(self) -> bool:
        asked = self._choose(lambda _: True)
        if asked is None:
            return False
        asked.remarks += 1
        return self._save(asked)

    def _move(self) -> bool:
        asked = self._choose(lambda _: True)
        if asked is None:
            return False
        before, asked.path = asked.path, f"requests/moved/{asked.number:06d}-{asked.remarks}.yaml"
        (self.clone.root / asked.path).parent.mkdir(parents=True, exist_ok=True)
        (self.clone.root / before).rename(self.clone.root / asked.path)
        return True

    def _delete(self) -> bool:
        asked = self._choose(lambda each: not each.is_broken)
        if asked is None:
            return False
        asked.is_deleted = True
        (self.clone.root / asked.path).unlink()
        return True

    def _choose(self, fits: Callable[[Asked], bool]) -> Asked | None:
        """Choose a request, rather a young one: so that changes meet a publication under way."""
        fitting = [each for each in self.asked if not each.is_deleted and fits(each)]
        if not fitting:
            return None
        return self.chance.choice(fitting[-5:] if self.chance.random() < 0.5 else fitting)

    def _save(self, asked: Asked) -> bool:
        file = self.clone.root / asked.path
        file.parent.mkdir(parents=True, exist_ok=True)
        self.chance.choice(_WAYS)(file, asked.text)
        return True


_WEIGHTS = {
    "add": 50,
    "revise": 18,
    "cancel": 6,
    "break": 6,
    "mend": 6,
    "remark": 6,
    "move": 5,
    "delete": 3,
}


def _now() -> dict[str, str]:
    """The time of a commit: `Clone.commit` would make one of its own."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"GIT_AUTHOR_DATE": now, "GIT_COMMITTER_DATE": now}


def _write(file: Path, text: str) -> None:
    """Write in place, as `cat >` does."""
    file.write_text(text)


def _write_slowly(file: Path, text: str) -> None:
    """Write in place and in pieces, the file open all the while."""
    with file.open("w") as pieces:
        for start in range(0, len(text), 60):
            pieces.write(text[start : start + 60])
            pieces.flush()
            time.sleep(0.01)  # noqa: TID251 - a slow writer


def _write_like_vim(file: Path, text: str) -> None:
    """Try the folder, move the old file to a backup, write a new one, remove the backup."""
    probe, backup = file.with_name("4913"), file.with_name(f"{file.name}~")
    probe.touch()
    probe.unlink()
    if file.exists():
        file.rename(backup)
    with file.open("w") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    backup.unlink(missing_ok=True)


def _write_like_rsync(file: Path, text: str) -> None:
    """Write a hidden file beside it and rename it into place, as VS Code's atomic save does too."""
    temporary = file.with_name(f".{file.name}.Xy1z2A")
    temporary.write_text(text)
    temporary.replace(file)


_WAYS = (_write, _write_slowly, _write_like_vim, _write_like_vim, _write_like_rsync)
