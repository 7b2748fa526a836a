"""What is wrong with the settings, collected, so that all of it is told at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from franc_gitops.errors import SettingsError


@dataclass
class Faults:
    """A list that ends in one SettingsError."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """The settings whose values are wrong."""

    def add(self, origin: str, message: str, way_out: str = "") -> None:
        """Note a fault with the line or variable it stands in, and what to do about it."""
        self.lines.append(f"{origin}: {message}{'; ' if way_out else ''}{way_out}")

    def add_value(self, origin: str, key: str, message: str) -> None:
        """Note that the value of a setting is wrong."""
        self.add(origin, f"{key}: {message}")
        self.wrong.append(key)

    def raise_all(self) -> None:
        """Raise one SettingsError for everything that was noted."""
        if self.lines:
            setting = self.wrong[0] if self.wrong else "SETTING"
            hint = f"`franc-gitops explain {setting}` says what it may be"
            raise SettingsError("\n".join(self.lines), hint=hint)
