"""`kalbio provena sandbox`: a local stand-in for an installation of Provena."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kalbio.cli.errors import FAILED
from kalbio.cli.options import debuggable, this_run
from kalbio.cli.sandbox import fault_help, say_stopped, serve_until_stopped


@click.command()
@click.option("--port", type=int, default=8322, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--db", metavar="FILE", help="File to keep everything in; without it, all data is lost at the end.")
@click.option("--seconds-per-stage", type=float, default=0, show_default=True, metavar="S", help="How long a job stays "
              "in each of its stages.")  # fmt: skip
@click.option("--fault", "fault_specs", metavar="SPEC", multiple=True, help=fault_help("registryItemCreate"))
@click.option("--offline-token", "users", metavar="USER", multiple=True, help="A user to print an offline token of, "
              "such as carol; may be given several times.")  # fmt: skip
@debuggable
def sandbox(
    port: int, db: str | None, seconds_per_stage: float, fault_specs: Sequence[str], users: Sequence[str]
) -> int:
    """Run a local stand-in for an installation of Provena."""
    this_run().code_of_errors = FAILED
    from kalbio._core.emulator.server import serve
    from kalbio.provena.sandbox import Faults, Sandbox

    faults = Faults()
    for spec in fault_specs:
        faults.add_line(spec)
    try:
        with Sandbox(db, faults=faults) as lab, serve(lab, port) as server:
            lab.release_jobs(seconds_per_stage)
            logins = "".join(
                f"\nOr as {user}, in place of the last two lines:\n"
                "  unset PROVENA_CLIENT_SECRET\n"
                "  export PROVENA_CLIENT_ID=client-tools\n"
                f"  export PROVENA_OFFLINE_TOKEN={lab.offline_token(user)}\n"
                for user in users
            )
            serve_until_stopped(
                f"""Provena sandbox at {server.url}
Data:            {db or "in memory, lost at the end"}
Faults:          {"  ".join(fault_specs) or "none, see --fault"}

Point a client at it:
  export PROVENA_URL={server.url}
  export PROVENA_DOMAIN=sandbox.invalid
  export PROVENA_REALM=sandbox
  export PROVENA_CLIENT_ID=admin
  export PROVENA_CLIENT_SECRET={lab.client_secret}
{logins}
Ctrl-C stops it.
"""
            )
    except KeyboardInterrupt:
        return say_stopped()
    return 0
