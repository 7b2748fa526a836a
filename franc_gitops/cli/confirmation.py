"""Asking a human before something that cannot be taken back."""

from __future__ import annotations

import sys

import typer

from franc_gitops.errors import UsageError


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless the answer was given before; raises UsageError for a no."""
    if yes or not sys.stdin.isatty():
        return
    if not typer.confirm(question, err=True):
        raise UsageError("not confirmed, nothing was done", hint="--yes answers in advance")
