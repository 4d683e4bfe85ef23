"""`kalbio provena sandbox`: a local stand-in for an installation of Provena."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kalbio.cli.emulators import EXIT_CODES, Announcement, Console, data_line, fault_help, talking
from kalbio.cli.options import debuggable
from kalbio.cli.provena.logins import PLACE, login_command


@click.command(epilog=EXIT_CODES)
@click.option("--port", type=int, default=8322, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--db", metavar="FILE", help="File to keep everything in; without it, all data is lost at the end.")
@click.option("--seed", type=click.Choice(["demo", "empty"]), default="empty", show_default=True, help="What a new "
              "database holds.")  # fmt: skip
@click.option("--seconds-per-stage", type=float, default=0, show_default=True, metavar="S", help="How long a job stays "
              "in each of its stages.")  # fmt: skip
@click.option("--fault", "fault_specs", metavar="SPEC", multiple=True, help=fault_help("registryItemCreate"))
@click.option("--offline-token", "users", metavar="USER", multiple=True, help="A user to print an offline token of, "
              "such as carol; may be given several times.")  # fmt: skip
@talking
@debuggable
def sandbox(
    port: int,
    db: str | None,
    seed: str,
    seconds_per_stage: float,
    fault_specs: Sequence[str],
    users: Sequence[str],
    console: Console,
) -> None:
    """Run a local stand-in for an installation of Provena."""
    from kalbio._core.emulator.server import serve
    from kalbio.provena.sandbox import Faults, Sandbox

    if users and console.is_json:
        raise click.UsageError("--offline-token prints lines to paste, of which --log-json has none.")
    faults = Faults()
    for spec in fault_specs:
        faults.add_line(spec)
    with Sandbox(db, seed=seed, faults=faults) as lab, serve(lab, port) as server:
        lab.release_jobs(seconds_per_stage)
        facts = {
            "Pages": server.pages_url,
            "Data": data_line(db, f"new, {seed}" if lab.is_new else "as it was"),
            "Faults": "  ".join(fault_specs) or "none, see --fault",
        }
        variables = {
            "PROVENA_URL": server.url,
            "PROVENA_DOMAIN": "sandbox.invalid",
            "PROVENA_REALM": "sandbox",
            "PROVENA_CLIENT_ID": "admin",
            "PROVENA_CLIENT_SECRET": lab.client_secret,
        }
        logins = [("Point a client at it:", variables)]
        for user in users:
            token = {"PROVENA_OFFLINE_TOKEN": lab.offline_token(user)}
            others = {"PROVENA_CLIENT_ID": "client-tools", "PROVENA_CLIENT_SECRET": "", **token}
            logins.append((f"Then, to be {user} instead of admin:", others))
        in_a_browser = "Or, where they are not set, to log in as another user in a browser:"
        place = {name: variables[f"PROVENA_{name}"] for name in PLACE}
        announcement = Announcement(
            "Provena sandbox", server.url, facts, logins, [(in_a_browser, login_command(place))]
        )
        console.serve_until_stopped(announcement, lab.conventions.logger)
