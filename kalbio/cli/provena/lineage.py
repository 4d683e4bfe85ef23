"""`kalbio provena lineage`: what an item came from, and what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kalbio._core.text.display import safe_repr
from kalbio.cli.errors import DONE
from kalbio.cli.options import connected, printing
from kalbio.cli.output import Output
from kalbio.cli.provena.items import as_handle
from kalbio.cli.provena.kinds import KIND
from kalbio.cli.provena.logins import connect

if TYPE_CHECKING:
    from kalbio.provena._model.lineage import LineageGraph


class _Depth(click.ParamType[Any]):
    name = "depth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value)
        if text != "all" and not (text.isdecimal() and int(text) > 0):
            self.fail(f"{safe_repr(value)} is no number of steps: 1, 2... or all.", param, ctx)
        return text if text == "all" else int(text)


@click.command()
@click.argument("item")
@click.option("--upstream/--downstream", default=True, show_default=True, help="What it came from, or what came of it.")
@click.option("--depth", type=_Depth(), metavar="N|all", help="How many steps; by default as many as the server likes.")
@click.option("--kind", type=KIND, help="The kind of the item, when ITEM is its name.")
@click.option("--names", is_flag=True, help="Read the name of each item, which takes a request for each.")
@click.option("--mermaid", is_flag=True, help="Print the graph as a Mermaid flowchart.")
@connected
@printing
def lineage(out: Output, item: str, upstream: bool, depth: Any, kind: str | None, names: bool, mermaid: bool) -> int:
    """Print what an item came from, or what came of it.

    ITEM is its handle; with --kind, also its exact name. Text and CSV have a row for each link, from an effect to its
    cause; JSON is the graph.
    """
    if mermaid and out.form != "text":
        raise click.UsageError("--mermaid is a form of its own: leave out --json and --csv.")
    with connect() as client:
        start = as_handle(item) if kind is None else client.registry(kind).resolve(item)
        walk = client.lineage.upstream if upstream else client.lineage.downstream
        graph = walk(start, depth, names=names)
    if not graph:
        sys.stderr.write(f"kalbio: no record says what {'this item came from' if upstream else 'came of this item'}\n")
    if mermaid:
        sys.stdout.write(graph.to_mermaid())
    elif out.form == "json":
        out.object(graph.to_dict())
    elif out.form == "csv":
        out.rows(*_cells(graph))
    elif graph:
        links = [{"effect": str(graph[one.source]), "link": one.type, "cause": str(graph[one.target])}
                 for one in graph.edges]  # fmt: skip
        out.rows(links, ["effect", "link", "cause"])
    return DONE


def _cells(graph: LineageGraph) -> tuple[list[dict[str, Any]], list[str]]:
    rows = [
        {
            "source": one.source,
            "source_subtype": graph[one.source].subtype,
            "source_name": graph[one.source].name,
            "type": one.type,
            "target": one.target,
            "target_subtype": graph[one.target].subtype,
            "target_name": graph[one.target].name,
        }
        for one in graph.edges
    ]
    ends = ("", "_subtype", "_name")
    return rows, [*(f"source{end}" for end in ends), "type", *(f"target{end}" for end in ends)]
