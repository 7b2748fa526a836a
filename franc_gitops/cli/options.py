"""Options that several verbs take, with the same name and meaning everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

TextOrJson = Annotated[
    str, typer.Option("-o", "--output", metavar="text|json", help="Output format.")
]
Rev = Annotated[str, typer.Option("--rev", metavar="REV", help="Read the requests at this commit.")]
Worktree = Annotated[
    bool,
    typer.Option("--worktree", help="Read the folder as it is, not a commit; no git needed."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask on a terminal.")]
Strict = Annotated[bool, typer.Option("--strict", help="One error holds every file.")]
IgnoreFreeze = Annotated[
    bool,
    typer.Option("--ignore-freeze", help="For emergencies: do as if there were no freeze."),
]
AllowEmpty = Annotated[
    bool, typer.Option("--allow-empty", help="Exit with 0 if there is no request file at all.")
]
FailOnWarnings = Annotated[
    bool, typer.Option("--fail-on-warnings", help="Exit with 1 for warnings too.")
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="text|json|jsonl|junit|sarif|github|gitlab|markdown[=FILE]",
        help="Output format; may be given several times, with a file each.",
    ),
]
MaxLength = Annotated[
    str,
    typer.Option(
        "--max-length",
        metavar="BYTES",
        help="Longest Markdown report, 65000 by default; 0 for any length.",
    ),
]
