"""A local emulator of the Kaleidoscope API: same description, real rules, SQLite. It knows nothing of the client."""

from __future__ import annotations

from kalbio._extras import require_sandbox

require_sandbox()  # before an import below fails with less to say

from kalbio.sandbox.app import Outcome, Request, Response, Sandbox  # noqa: E402
from kalbio.sandbox.faults import Fault, Faults, LedgerEntry  # noqa: E402
from kalbio.sandbox.webhooks import Delivery  # noqa: E402

__all__ = ["Delivery", "Fault", "Faults", "LedgerEntry", "Outcome", "Request", "Response", "Sandbox"]
