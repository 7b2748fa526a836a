"""How much a file may ask of the reader before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost; `size` is in bytes, the others are counts per file."""

    size: int = 1 << 20
    depth: int = 16
    nodes: int = 100_000
    """Keys, values, lists and mappings, each alias counted as what it stands for."""
    aliases: int = 100
    faults: int = 100
    """After so many faults the rest of the file is not examined."""


DEFAULT = Limits()
