"""`kalbio sandbox`: a local emulator of the API."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from kalbio.cli.emulators import EXIT_CODES, Announcement, Console, data_line, fault_help, talking
from kalbio.cli.options import debuggable


@click.command(epilog=EXIT_CODES)
@click.option("--port", type=int, default=8321, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on: a loopback address, unless "
              "--allow-remote is given.")  # fmt: skip
@click.option("--allow-remote", is_flag=True, help="Let other machines connect, when --host is an address that they "
              "can reach.")  # fmt: skip
@click.option("--allow-origin", metavar="URL", multiple=True, help="Let web pages of this origin use the sandbox; may "
              "be given several times.")  # fmt: skip
@click.option("--db", metavar="FILE", help="File to keep everything in; without it, all data is lost at the end.")
@click.option("--seed", default="demo", show_default=True, help="What a new database holds: demo, recent, empty or "
              "large.")  # fmt: skip
@click.option("--webhook", metavar="URL", help="Post registration events to this URL.")
@click.option("--lenient-uploads", is_flag=True, help="Accept multipart bodies whose boundary is not in the header.")
@click.option("--json-limit", type=int, default=32, show_default=True, metavar="MIB", help="Largest body of a "
              "request, in MiB.")  # fmt: skip
@click.option("--upload-limit", type=int, default=512, show_default=True, metavar="MIB", help="Largest body of an "
              "upload, in MiB.")  # fmt: skip
@click.option("--token-lifetime", type=int, default=3600, show_default=True, metavar="S", help="Lifetime of access "
              "tokens, in seconds.")  # fmt: skip
@click.option("--fault", "fault_specs", metavar="SPEC", multiple=True, help=fault_help("addRecordValue"))
@click.option("--fault-seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the random choice "
              "that decides which calls a rate hits; the same seed hits the same calls.")  # fmt: skip
@click.option("--clock-skew", type=float, default=0, show_default=True, metavar="S", help="Seconds by which the Date "
              "header of answers is ahead; negative: behind.")  # fmt: skip
@talking
@debuggable
def sandbox(
    port: int,
    host: str,
    allow_remote: bool,
    allow_origin: Sequence[str],
    db: str | None,
    seed: str,
    webhook: str | None,
    lenient_uploads: bool,
    json_limit: int,
    upload_limit: int,
    token_lifetime: int,
    fault_specs: Sequence[str],
    fault_seed: int,
    clock_skew: float,
    console: Console,
) -> None:
    """Run a local emulator of the API."""
    from kalbio._core.text.redaction import redact_strictly
    from kalbio.sandbox import Faults, Sandbox
    from kalbio.sandbox.server import serve

    faults = Faults(fault_seed)
    for spec in fault_specs:
        faults.add_line(spec)
    with (
        Sandbox(
            db,
            seed=seed,
            webhook=webhook,
            lenient_uploads=lenient_uploads,
            token_lifetime=token_lifetime,
            faults=faults,
            clock_skew=clock_skew,
            json_limit=json_limit * 1024 * 1024,
            upload_limit=upload_limit * 1024 * 1024,
        ) as lab,
        serve(lab, port, host, allow_remote=allow_remote, allow_origins=allow_origin) as server,
    ):
        if allow_remote:
            sys.stderr.write(
                "Warning: anybody who can reach this port can use the sandbox; its credentials are public.\n"
            )
        facts = {
            "Pages": server.pages_url if not allow_remote else "for this machine only, not with --allow-remote",
            "API reference": server.reference_url,
            "Data": data_line(db, f"new, with the seed {seed}" if lab.is_new else "as it was, without a seed"),
            "Webhooks": redact_strictly(webhook) if webhook else "none, see --webhook",
            "Faults": "  ".join(fault_specs) or "none, see --fault",
        }
        variables = {
            "KALEIDOSCOPE_API_URL": server.url,
            "KALEIDOSCOPE_API_CLIENT_ID": lab.settings.client_id,
            "KALEIDOSCOPE_API_CLIENT_SECRET": lab.settings.client_secret,
        }
        announcement = Announcement("Kaleidoscope sandbox", server.url, facts, [("Point a client at it:", variables)])
        console.serve_until_stopped(announcement, lab.conventions.logger)
