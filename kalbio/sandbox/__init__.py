"""A local emulator of the Kaleidoscope API: same description, real rules, SQLite. It knows nothing of the client."""

from __future__ import annotations

from kalbio.sandbox.app import Outcome, Request, Response, Sandbox
from kalbio.sandbox.faults import Fault, Faults, LedgerEntry
from kalbio.sandbox.webhooks import Delivery

__all__ = ["Delivery", "Fault", "Faults", "LedgerEntry", "Outcome", "Request", "Response", "Sandbox"]
