"""A local emulator of the Kaleidoscope API: same description, real rules, SQLite. It knows nothing of the client."""

from __future__ import annotations

from kalbio.sandbox.app import Request, Response, Sandbox
from kalbio.sandbox.webhooks import Delivery

__all__ = ["Delivery", "Request", "Response", "Sandbox"]
