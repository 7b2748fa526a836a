"""Rows of one measurement: rounds in turn, medians, ratios, and how they are printed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from statistics import median
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Ratio(NamedTuple):
    """A figure of this run against others of this run; `wanted` is what we set ourselves."""

    value: float
    meaning: str
    wanted: str = ""


@dataclass
class Row:
    """One measurement; `says` tells what exactly is measured, `missing` what could not be."""

    name: str
    says: str
    unit: str = "s"
    samples: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def tell(self, what: str) -> None:
        """Say on standard error what is running."""
        print(f"{self.name}: {what} …", file=sys.stderr, flush=True)

    def add(self, name: str, value: float) -> None:
        """Take the figure of one run."""
        self.samples.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """The middle one of the figures under a name."""
        return median(self.samples[name])

    def compare(self, above: str, below: str, meaning: str, wanted: str = "") -> None:
        """Note one median divided by another, unless one of the two could not be measured."""
        if above in self.samples and below in self.samples:
            self.ratios.append(Ratio(self.median(above) / self.median(below), meaning, wanted))

    def lines(self) -> list[str]:
        """The row as text."""
        width = max(map(len, [*self.samples, *self.missing, "what"]))
        head = f"  {'what':{width}}  {'median':>9}  {'least':>9}  {'most':>9}  runs"
        body = [
            f"  {name:{width}}  {self._number(median(values))}  {self._number(min(values))}"
            f"  {self._number(max(values))}  {len(values):4}"
            for name, values in self.samples.items()
        ]
        body += [f"  {name:{width}}  {why}" for name, why in self.missing.items()]
        ratios = [
            f"  {ratio.value:7.2f}  {ratio.meaning}{f' ({ratio.wanted})' if ratio.wanted else ''}"
            for ratio in self.ratios
        ]
        remarks = [f"  {remark}" for remark in self.remarks]
        return [*wrap(f"{self.name}: {self.says}", 100), head, *body, *ratios, *remarks, ""]

    def _number(self, value: float) -> str:
        digits = 3 if self.unit == "s" else 1
        return f"{value:{8 - len(self.unit)}.{digits}f} {self.unit}"


def take_turns(
    row: Row, rounds: int, contenders: Mapping[str, Callable[[], float]], *, warm_up: bool = False
) -> None:
    """Run the contenders in turn, `rounds` times; a first round may warm up and not count.

    Every other round goes backwards, so that none always runs after the same neighbour.
    """
    for number in range(-1 if warm_up else 0, rounds):
        names: Sequence[str] = list(contenders)
        for name in names if number % 2 == 0 else list(reversed(names)):
            told = "warm-up" if number < 0 else f"{number + 1}/{rounds}"
            row.tell(f"{told} {name}")
            value = contenders[name]()
            if number >= 0:
                row.add(name, value)
