"""Says why a connection could not be made: what the system reports, by which proxy, and what may help."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable

from kalbio._core.http.addresses import is_local


def explain(
    error: BaseException,
    reason: str,
    host: str,
    port: int | None,
    proxy: str = "",
    no_server: Callable[[int | None], str] = lambda port: "",
) -> str:
    """Return the reason why a connection failed, in full. `proxy` says which one it was to go through.

    `no_server` says what may help when nothing listens on a port of this computer.
    """
    system = _of_system(error)
    if system is not None and (said := _said(system)) not in reason:
        reason = f"{reason}: {said}"
    if proxy:
        return f"{reason} (by {proxy})"
    if isinstance(system, ssl.SSLError) and system.reason == "WRONG_VERSION_NUMBER":
        return f"{reason}. What answers there speaks no TLS; does the address begin with http://?"
    if isinstance(system, ConnectionRefusedError) and is_local(host):
        hint = no_server(port)
        return f"{reason}. Nothing listens there{f'; {hint}' if hint else ''}"
    if isinstance(system, socket.gaierror) and host.endswith(".invalid"):
        return f"{reason}. No name that ends in .invalid leads anywhere: a sandbox has an address, such as 127.0.0.1"
    return reason


def _said(system: OSError) -> str:
    """Return what the system says, for event loops have words of their own; names and TLS have other numbers."""
    if isinstance(system, socket.gaierror | ssl.SSLError) or not system.errno or system.errno < 0:
        return system.strerror or str(system)
    return os.strerror(system.errno)


def _of_system(error: BaseException | None) -> OSError | None:
    """Return the error of the system that another one came from: its libraries wrap it, or several of them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno is not None:
            return error
        if isinstance(error, BaseExceptionGroup):
            found = [one for one in map(_of_system, error.exceptions) if one is not None]
            refused = [one for one in found if isinstance(one, ConnectionRefusedError)]
            return next(iter(refused or found), None)
        error = error.__cause__ or error.__context__
    return None
