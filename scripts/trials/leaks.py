"""A day of mishaps with everything switched on that talks, and a search for secrets in all that was said and written.

Not promised: a traceback that is asked to show local variables (`capture_locals`) shows what is in them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kalbio.sandbox import Fault, Faults, Sandbox
from kalbio.sandbox.server import serve
from tests.leaks import Watch

ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, contextlib, faulthandler, logging, os, pickle, traceback
from pathlib import Path

from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from tests.recording import recorder

folder, api, front = Path(os.environ["FOLDER"]), os.environ["KALEIDOSCOPE_API_URL"], os.environ["FRONT"]
logging.basicConfig(level=logging.DEBUG, handlers=[logging.StreamHandler(), logging.FileHandler(folder / "all.log")])
logging.captureWarnings(True)
shown = 0

def show(thing):
    global shown
    shown += 1
    print(repr(thing), thing)
    if isinstance(thing, Exception):
        traceback.print_exception(thing)
        print(vars(thing))
        logging.getLogger("their.program").error("it went wrong: %s", thing, exc_info=thing)
    with contextlib.suppress(TypeError):  # clients cannot be pickled, and must not
        (folder / f"{shown}.pickle").write_bytes(pickle.dumps(thing))

@contextlib.contextmanager
def mishap():
    try:
        yield
    except Exception as error:
        show(error)
    else:
        raise SystemExit("nothing went wrong where it should")

# Put together here, as a traceback may show lines of this program.
secret, token = "-".join(("sandbox", "secret")), "-".join(("sandbox", "token"))
key = {"X-Api-Key": f"{secret}-key", "X-Kal-Extra-Token": f"{token}-extra"}
with mishap(), KaleidoscopeClient(client_secret=f"{secret}-mistyped") as client:
    client.programs.get_programs()
with mishap():
    KaleidoscopeClient(url=f"https://user:{secret}-in-url@api.invalid")
with mishap(), KaleidoscopeClient(url="http://127.0.0.1:9", retries=0) as client:
    client.programs.get_programs()

with KaleidoscopeClient(additional_headers=key, retries=0, use_cache=False) as client:
    show(client), show(client.raw), show(client._tokens), show(client._settings), show(client.programs)
    show(client.programs.get_programs())
    show(client.programs.get_programs())  # the token ends under this one
    client.entity_fields.get_or_create_data_field("Scan", "file")
    record = client.records.get_or_create_record({"Compound": "CPD-1"})
    show(record)
    with mishap():
        record.add_value("Comment", "lost")
    show(record.update_field_file("Scan", "scan.txt", b"1" * 1000))
    with mishap():
        record.update_field_file("Scan", "scan.txt", b"1" * 1000)
    with mishap():
        record.add_value("Compond", 1)
    with mishap():
        client.programs.create_program("")
    client.exports.pull_data("all.csv", "Compound", folder)

for options in ({"on_error": "raise"}, {"on_error": "log"}):  # a server that repeats whatever it is sent
    with KaleidoscopeClient(url=front, additional_headers=key, retries=0, **options) as client:
        if options["on_error"] == "log":
            show(client.programs.get_programs())
        else:
            with mishap():
                client.programs.get_programs()
            with mishap():
                client.programs.create_program("echo")
            show(client.files.download_file("00000000-0000-4000-8000-000000000000", "far.txt", folder))

async def once_more():
    async with AsyncKaleidoscopeClient(url=front, additional_headers=key, retries=0) as client:
        show(client)
        with mishap():
            await client.programs.get_programs()
        await client.files.download_file("00000000-0000-4000-8000-000000000000", "farther.txt", folder)

asyncio.run(once_more(), debug=True)

with recorder("all", folder).use_cassette("day.yaml"), KaleidoscopeClient() as client:
    client.programs.get_programs()
print("END OF THE DAY", shown)
"""

CARELESS = {
    "logs that are not cleaned": "from kalbio._core.text import log_redaction; log_redaction.install = lambda: None\n",
    "errors that are not cleaned": "from kalbio._core import errors; errors.redact = lambda text, secrets=(): text\n",
}
"""What to run first for a client that leaks, to see that the trial notices."""


class _Handler(BaseHTTPRequestHandler):
    """What both servers have in common: they note what comes."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}\n{self.headers}")
        sent = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.answer(sent)

    do_POST = do_GET

    def answer(self, sent: str) -> None:
        raise NotImplementedError

    def reply(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


class _Elsewhere(_Handler):
    """Another host, where files are kept."""

    def answer(self, sent: str) -> None:
        self.reply(200, "far away")


class _Front(_Handler):
    """An API that sends readers of files to another host, with a signed URL, and repeats all else in its errors."""

    def answer(self, sent: str) -> None:
        if self.path.endswith("/token"):
            pair = {"access_token": "sandbox-token-front-access", "refresh_token": "sandbox-token-front-refresh"}
            self.reply(200, json.dumps({**pair, "expires_in": 3600}))
        elif self.path.startswith("/files/"):
            signed = f"{self.server.onward}/f?X-Amz-Signature=sandbox-secret-signature"
            self.reply(302, "", location=signed, **{"set-cookie": "session=sandbox-secret-cookie"})
        else:
            told = {
                "message": f"you sent {dict(self.headers)} {sent}",
                "details": [str(self.headers), dict(self.headers)],
            }
            self.reply(500, json.dumps(told))


class _Server(ThreadingHTTPServer):
    """A server on a free port of loopback."""

    daemon_threads = True

    def __init__(self, handler: type[_Handler], onward: str = "") -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.onward = onward
        self.requests: list[str] = []


@contextmanager
def _running(handler: type[_Handler], onward: str = "") -> Iterator[_Server]:
    server = _Server(handler, onward)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(mutation: str = "") -> dict[str, Any]:
    """Live through the day in another process, and search what it left behind. `mutation` runs there first."""
    faults = Faults()
    with (
        tempfile.TemporaryDirectory() as name,
        Sandbox(Path(name) / "sandbox.db", faults=faults) as sandbox,
        serve(sandbox) as server,
        _running(_Elsewhere) as elsewhere,
        _running(_Front, f"http://localhost:{elsewhere.server_port}") as front,
    ):
        faults.add(Fault("listPrograms", slow=0.01))
        faults.add(Fault("listPrograms", expire_tokens=True))
        faults.add(Fault("addRecordValue", lose_answer=True))
        faults.add(Fault("uploadRecordValueFile", slow=0.01))
        faults.add(Fault("uploadRecordValueFile", reset=True))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KALEIDOSCOPE_")},
            "KALEIDOSCOPE_API_CLIENT_ID": sandbox.settings.client_id,
            "KALEIDOSCOPE_API_CLIENT_SECRET": sandbox.settings.client_secret,
            "KALEIDOSCOPE_API_URL": server.url,
            "FRONT": f"http://127.0.0.1:{front.server_port}",
            "FOLDER": name,
        }
        command = [sys.executable, "-c", mutation + CHILD]
        output, errors = Path(name) / "standard output", Path(name) / "standard error"
        with output.open("w") as out, errors.open("w") as err:
            subprocess.run(command, cwd=ROOT, env=environment, stdout=out, stderr=err, check=False)
        if "END OF THE DAY" not in output.read_text():
            raise RuntimeError(f"the day ended early: {errors.read_text()[-2000:]}")
        watch = Watch()
        for path in (output, errors):
            for line in path.read_text().splitlines():
                watch.look(path.name, line)
            path.unlink()
        watch.look_at_files("files", Path(name))
        for request in elsewhere.requests:
            # The signature is the other host's own.
            watch.look("redirected requests", request.replace("?X-Amz-Signature=sandbox-secret-signature", ""))
        return {
            "leaks": len(watch.found),
            "searched": {**watch.pieces, "bytes": watch.bytes},
            "redirected requests": len(elsewhere.requests),
            **({"found": watch.found[:5]} if watch.found else {}),
        }
