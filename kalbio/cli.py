"""The command line: `kalbio sandbox`."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence

from kalbio._extras import SANDBOX
from kalbio._version import __version__

_FAULT_HELP = (
    "a fault to inject, such as addRecordValue:lose_answer:rate=0.1 or *:status=503,retry_after=1:times=5; "
    "may be given several times"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _sandbox(options)
    except ModuleNotFoundError as error:
        if error.name not in SANDBOX:
            raise
        sys.stderr.write(f"kalbio: {error}\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"kalbio: {error}\n")
    except KeyboardInterrupt:
        sys.stdout.write("\nSandbox stopped.\n")
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kalbio", description="Python client for the Kaleidoscope R&D platform.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True)
    sandbox = commands.add_parser(
        "sandbox", help="run a local emulator of the API", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = sandbox.add_argument
    add("--port", type=int, default=8321, help="port to listen on; 0 takes a free one")
    add("--host", default="127.0.0.1", help="address to listen on: a loopback address, unless --allow-remote is given")
    add(
        "--allow-remote",
        action="store_true",
        help="let other machines connect, when --host is an address that they can reach",
    )
    add(
        "--allow-origin",
        metavar="URL",
        action="append",
        help="let web pages of this origin use the sandbox; may be given several times",
    )
    add("--db", metavar="FILE", help="file to keep everything in; without it, all data is lost at the end")
    add("--seed", default="demo", help="what a new database holds: demo, recent, empty or large")
    add("--webhook", metavar="URL", help="post registration events to this URL")
    add("--lenient-uploads", action="store_true", help="accept multipart bodies whose boundary is not in the header")
    add("--json-limit", type=int, default=32, metavar="MIB", help="largest body of a request, in MiB")
    add("--upload-limit", type=int, default=512, metavar="MIB", help="largest body of an upload, in MiB")
    add("--token-lifetime", type=int, default=3600, metavar="S", help="lifetime of access tokens, in seconds")
    add("--fault", metavar="SPEC", action="append", help=_FAULT_HELP)
    add(
        "--fault-seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the random choice that decides which calls a rate hits; the same seed hits the same calls",
    )
    add(
        "--clock-skew",
        type=float,
        default=0,
        metavar="S",
        help="seconds by which the Date header of answers is ahead; negative: behind",
    )
    return parser


def _sandbox(options: argparse.Namespace) -> int:
    from kalbio.sandbox import Faults, Sandbox
    from kalbio.sandbox.server import serve

    faults = Faults(options.fault_seed)
    for spec in options.fault or ():
        faults.add_line(spec)
    with (
        Sandbox(
            options.db,
            seed=options.seed,
            webhook=options.webhook,
            lenient_uploads=options.lenient_uploads,
            token_lifetime=options.token_lifetime,
            faults=faults,
            clock_skew=options.clock_skew,
            json_limit=options.json_limit * 1024 * 1024,
            upload_limit=options.upload_limit * 1024 * 1024,
        ) as sandbox,
        serve(
            sandbox,
            options.port,
            options.host,
            allow_remote=options.allow_remote,
            allow_origins=options.allow_origin or (),
        ) as server,
    ):
        if options.allow_remote:
            sys.stderr.write(
                "Warning: anybody who can reach this port can use the sandbox; its credentials are public.\n"
            )
        sys.stdout.write(
            f"""Kaleidoscope sandbox at {server.url}
API reference:   {server.reference_url}
Data:            {options.db or "in memory, lost at the end"}
Webhooks:        {options.webhook or "none, see --webhook"}
Faults:          {"  ".join(options.fault or ()) or "none, see --fault"}

Point a client at it:
  export KALEIDOSCOPE_API_URL={server.url}
  export KALEIDOSCOPE_API_CLIENT_ID={sandbox.settings.client_id}
  export KALEIDOSCOPE_API_CLIENT_SECRET={sandbox.settings.client_secret}

Ctrl-C stops it.
"""
        )
        sys.stdout.flush()
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
