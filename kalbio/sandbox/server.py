"""The sandbox on a port: `serve`, as for every emulator."""

from __future__ import annotations

from kalbio._core.emulator.server import Server, serve

__all__ = ["Server", "serve"]
