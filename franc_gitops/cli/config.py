"""`franc-gitops config show`: the settings as they count, and where each comes from."""

from __future__ import annotations

import typer

from franc_gitops.cli import options
from franc_gitops.cli.help import epilog, verb
from franc_gitops.errors import Exit

app = verb()


@app.callback()
def config() -> None:
    """Show the settings that count."""


@app.command(
    epilog=epilog(
        {
            "config show": "value and origin of each; secrets are masked",
            "config show -o json": "the same for programs",
            "config show --set source=lab": "with a setting overridden",
        },
        Exit.OK,
        Exit.USAGE,
    )
)
def show(context: typer.Context, output: options.TextOrJson = "text") -> int:
    """Show each setting, its value and where it comes from.

    Flags win over the environment, that over an untracked .env, that over franc-gitops.yaml,
    that over the defaults.
    """
    from franc_gitops.reports import renderer
    from franc_gitops.settings.effective import effective

    invocation = context.obj
    render = renderer("settings", output)
    invocation.write(render(list(effective(invocation.settings())), invocation.look()))
    return Exit.OK
