"""What is wrong with the settings, collected, so that all of it is told at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from franc_gitops.errors import SettingsError


@dataclass
class Faults:
    """A list that ends in one SettingsError."""

    lines: list[str] = field(default_factory=list)

    def add(self, origin: str, message: str, way_out: str = "") -> None:
        """Note a fault with the line or variable it stands in, and what to do about it."""
        self.lines.append(f"{origin}: {message}{'; ' if way_out else ''}{way_out}")

    def raise_all(self) -> None:
        """Raise one SettingsError for everything that was noted."""
        if self.lines:
            message = "\n".join(self.lines)
            raise SettingsError(message, hint="`franc-gitops explain SETTING` says what it may be")
