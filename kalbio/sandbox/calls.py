"""What the handlers of the sandbox are given: a call on its store."""

from __future__ import annotations

from kalbio._core.emulator import calls
from kalbio.sandbox.store import Store

Call = calls.Call[Store]
Routes = calls.Routes[Store]
