"""A local emulator of the Kaleidoscope API: same description, real rules, SQLite. It knows nothing of the client."""

from __future__ import annotations

from kalbio._extras import require_sandbox

require_sandbox()  # before an import below fails with less to say

from kalbio._core.emulator.emulator import Outcome  # noqa: E402
from kalbio._core.emulator.faults import Fault  # noqa: E402
from kalbio._core.emulator.ledger import LedgerEntry  # noqa: E402
from kalbio._core.emulator.messages import Delivery, Request, Response  # noqa: E402
from kalbio.sandbox.app import Sandbox  # noqa: E402
from kalbio.sandbox.faults import Faults  # noqa: E402

__all__ = ["Delivery", "Fault", "Faults", "LedgerEntry", "Outcome", "Request", "Response", "Sandbox"]
