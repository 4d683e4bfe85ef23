"""The command line: `kalbio sandbox`, `kalbio doctor`, `kalbio inbox`, `kalbio provena sandbox`."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kalbio._extras import DOCTOR, SANDBOX
from kalbio._version import __version__

INTERRUPTED = 3

_FAULT_HELP = (
    "a fault to inject, such as addRecordValue:lose_answer:rate=0.1 or *:status=503,retry_after=1:times=5; "
    "may be given several times"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except ModuleNotFoundError as error:
        if error.name not in (*SANDBOX, *DOCTOR):
            raise
        sys.stderr.write(f"kalbio: {error}\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"kalbio: {error}\n")
    except KeyboardInterrupt:
        is_sandbox = options.run in (_sandbox, _provena_sandbox)
        sys.stdout.write(f"\n{'Sandbox stopped' if is_sandbox else 'Stopped'}.\n")
        return 0 if is_sandbox else INTERRUPTED
    return 2 if options.run is _doctor else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kalbio", description="Python client for the Kaleidoscope R&D platform.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True)
    _add_doctor(commands)
    _add_provena(commands)
    _add_inbox(commands)
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
    sandbox.set_defaults(run=_sandbox)
    return parser


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="find where the platform and its description differ",
        description="Asks for everything that can be read, and reports where the answers differ from the description. "
        "The report holds shapes, no data. Credentials and url come from the environment, as for every client.",
        epilog="Exit codes: 0 nothing differs, 1 something differs, 2 the set-up or an argument is wrong, 3 not "
        "confirmed or interrupted.",
    )
    add = doctor.add_argument
    add("--writes", action="store_true", help="also write a little of everything, in a program of its own")
    add("--yes", action="store_true", help="do not ask before --writes")
    add("--from", dest="recordings", metavar="PATH", action="append", help="look at recorded traffic instead: vcrpy "
        "cassettes, HAR files, or folders of these; may be given several times")  # fmt: skip
    add("--html", metavar="FILE", help="also write the report as an HTML page")
    add("--json", metavar="FILE", help="also write the report as JSON")
    doctor.set_defaults(run=_doctor)


def _add_provena(commands: Any) -> None:
    provena = commands.add_parser("provena", help="what there is for Provena")
    sandbox = provena.add_subparsers(title="commands", required=True).add_parser(
        "sandbox",
        help="run a local stand-in for an installation of Provena",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = sandbox.add_argument
    add("--port", type=int, default=8322, help="port to listen on; 0 takes a free one")
    add("--db", metavar="FILE", help="file to keep everything in; without it, all data is lost at the end")
    add("--seconds-per-stage", type=float, default=0, metavar="S", help="how long a job stays in each of its stages")
    add("--fault", metavar="SPEC", action="append", help=_FAULT_HELP)
    sandbox.set_defaults(run=_provena_sandbox)


def _add_inbox(commands: Any) -> None:
    inbox = commands.add_parser(
        "inbox",
        help="see and decide about the events that a registrar has received",
        description="Works on the file of an inbox, also while the service runs.",
    )
    verbs = inbox.add_subparsers(title="commands", required=True, dest="verb")
    for verb, text in (
        ("list", "list what is not dealt with: waiting, running, dead and unknown"),
        ("show", "show an event with its payload"),
        ("retry", "let events be handled again"),
        ("drop", "set events aside"),
    ):
        command = verbs.add_parser(verb, help=text, description=text[0].upper() + text[1:] + ".")
        add = command.add_argument
        add("--inbox", metavar="FILE", default="inbox.db", help="the file of the inbox (default: inbox.db)")
        if verb == "list":
            state = "list events in this state instead; may be given several times"
            add("--state", metavar="STATE", action="append", help=state)
        if verb == "show":
            add("keys", metavar="KEY", nargs=1, help="the key of the event, or the beginning of it")
        if verb in ("retry", "drop"):
            add("keys", metavar="KEY", nargs="*", help="the key of an event, or the beginning of it")
            add("--dead", action="store_true", help="all events that are dead")
        if verb == "retry":
            add("--submit-again", action="store_true", help="send results again although they may have arrived")
        if verb in ("list", "show"):
            add("--json", action="store_true", help="print JSON")
        command.set_defaults(run=_inbox)


def _inbox(options: argparse.Namespace) -> int:
    from kalbio.webhooks import InboxError, commands

    path = options.inbox
    try:
        if options.verb == "list":
            told = commands.list_events(path, options.state or (), as_json=options.json)
        elif options.verb == "show":
            told = commands.show_event(path, options.keys[0], as_json=options.json)
        elif options.verb == "retry":
            told = commands.retry_events(path, options.keys, dead=options.dead, submit_again=options.submit_again)
        else:
            told = commands.drop_events(path, options.keys, dead=options.dead)
    except InboxError as error:
        sys.stderr.write(f"kalbio: {error}\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    return doctor(
        recordings=options.recordings or (),
        writes=options.writes,
        yes=options.yes,
        html=options.html,
        json=options.json,
    )


def doctor(
    *, recordings: Sequence[str] = (), writes: bool = False, yes: bool = False, html: str | None, json: str | None
) -> int:
    """Run the doctor on the client of the environment, or on recordings, and print the report."""
    from kalbio import KaleidoscopeClient
    from kalbio.diagnosis.doctor import report_on_recordings
    from kalbio.diagnosis.writes import ANNOUNCEMENT

    for path in filter(None, (html, json)):
        if not Path(path).parent.is_dir():
            raise ValueError(f"there is no folder for {path}")
    if recordings:
        if writes:
            raise ValueError("--writes and --from cannot be given together: recorded traffic cannot be written to")
        report = report_on_recordings(*recordings)
    else:
        if writes:
            sys.stderr.write(ANNOUNCEMENT)
            if not yes and not _agreed():
                sys.stderr.write("Nothing was sent. Say yes, or give --yes.\n")
                return INTERRUPTED
        with KaleidoscopeClient() as client:
            report = client.doctor(writes=writes, progress=_tell)
        _tell("")
    sys.stdout.write(report.to_text())
    if html:
        report.to_html(html)
    if json:
        report.to_json(json)
    return report.exit_code


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("Go on? [yes/no] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _tell(line: str) -> None:
    if not sys.stderr.isatty():
        if line and not line[0].isdigit():
            sys.stderr.write(f"{line}\n")
    else:
        sys.stderr.write(f"\r\x1b[K{line}" if not line or line[0].isdigit() else f"\r\x1b[K{line}\n")
        sys.stderr.flush()


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


def _provena_sandbox(options: argparse.Namespace) -> int:
    from kalbio._core.emulator.server import serve
    from kalbio.provena.sandbox import Faults, Sandbox

    faults = Faults()
    for spec in options.fault or ():
        faults.add_line(spec)
    with Sandbox(options.db, faults=faults) as sandbox, serve(sandbox, options.port) as server:
        sandbox.release_jobs(options.seconds_per_stage)
        sys.stdout.write(
            f"""Provena sandbox at {server.url}
Data:            {options.db or "in memory, lost at the end"}
Faults:          {"  ".join(options.fault or ()) or "none, see --fault"}

Point a client at it:
  export PROVENA_URL={server.url}
  export PROVENA_DOMAIN=sandbox.invalid
  export PROVENA_REALM=sandbox
  export PROVENA_CLIENT_ID=admin
  export PROVENA_CLIENT_SECRET={sandbox.client_secret}

Ctrl-C stops it.
"""
        )
        sys.stdout.flush()
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
