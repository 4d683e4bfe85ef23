"""`kalbio completion`: scripts for shells."""

from __future__ import annotations

import sys

import click

_HOW = {
    "bash": 'eval "$(kalbio completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(kalbio completion zsh)"   in ~/.zshrc',
    "fish": "kalbio completion fish > ~/.config/fish/completions/kalbio.fish",
}


@click.command(epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    command = context.find_root().command
    sys.stdout.write(f"{made(command, {}, 'kalbio', '_KALBIO_COMPLETE').source()}\n")
