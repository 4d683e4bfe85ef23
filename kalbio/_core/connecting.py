"""Says why a connection could not be made: what the system reports, by which proxy, and what may help."""

from __future__ import annotations

from kalbio._core.addresses import is_local


def told(error: BaseException, reason: str, host: str, port: int | None, proxy: str = "") -> str:
    """Return the reason why a connection failed, in full. `proxy` says which one it was to go through."""
    system = _of_system(error)
    if system is not None and system.strerror and system.strerror not in reason:
        reason = f"{reason}: {system.strerror}"
    if proxy:
        return f"{reason} (by {proxy})"
    if isinstance(system, ConnectionRefusedError) and is_local(host):
        where = f" --port {port}" if port else ""
        return f"{reason}. Nothing listens there; `kalbio sandbox{where}` starts a sandbox"
    return reason


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
