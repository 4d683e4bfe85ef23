"""Groups of commands whose help loads no command: a table says where each is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class LazyCommand(NamedTuple):
    """Where a command is defined, and its line in the help of its group."""

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """A group of commands, each of which is loaded when it runs.

    Attributes:
        lazy_commands: the commands by their words.
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the words of all commands, in the order of the table."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        found = self.lazy_commands.get(cmd_name)
        if found is None:
            return None
        command: click.Command = getattr(import_module(found.module), found.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table as help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.help) for name, one in self.lazy_commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; one that is not there is refused with one that comes close."""
        if args and args[0] not in self.lazy_commands and not args[0].startswith("-"):
            from kalbio._core.objects.identifiers import did_you_mean

            ctx.fail(f"There is no command {args[0]!r}.{did_you_mean(args[0], self.lazy_commands)}")
        return super().resolve_command(ctx, args)
