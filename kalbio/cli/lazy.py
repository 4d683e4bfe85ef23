"""Groups of commands whose help loads no command: a table says where each is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Place(NamedTuple):
    """Where a command is defined, and its line in the help of its group."""

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """A group of commands, each of which is loaded when it runs.

    Attributes:
        places: the commands by their words.
    """

    def __init__(self, *args: Any, places: Mapping[str, Place], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the words of all commands, in the order of the table."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(import_module(place.module), place.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table as help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in self.places.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; one that is not there is refused with one that comes close."""
        if args and args[0] not in self.places and not args[0].startswith("-"):
            from kalbio._core.objects.identifiers import did_you_mean

            ctx.fail(f"There is no command {args[0]!r}.{did_you_mean(args[0], self.places)}")
        return super().resolve_command(ctx, args)
