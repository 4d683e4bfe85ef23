"""The commands on an inbox: `kalbio inbox list`, `show`, `retry` and `drop`, as functions that return what to print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from kalbio._core.text.display import one_line
from kalbio.webhooks.inbox import STATES, Inbox, InboxError, InboxEvent, State

OPEN: tuple[State, ...] = ("waiting", "running", "dead", "unknown")
"""The states that somebody may want to know of."""


def list_events(path: str, states: Sequence[State] = (), *, as_json: bool = False) -> str:
    """Return the events in these states, by default those that are not dealt with, and how many are in each state."""
    inbox = Inbox(path, create=False)
    try:
        events, counts = inbox.events(*(states or OPEN)), inbox.counts()
    finally:
        inbox.close()
    if as_json:
        return json.dumps({"counts": counts, "events": [_as_dict(event) for event in events]}, indent=2)
    lines = [line for event in events for line in _lines(event)]
    told = ", ".join(f"{counts[state]} {state}" for state in STATES)
    if not events and not states and any(counts.values()):
        told += "\nNothing is left to deal with; --state done and --state dropped list the rest."
    return "\n".join([*lines, told])


def show_event(path: str, key: str, *, as_json: bool = False) -> str:
    """Return all that is known of an event, its payload included."""
    inbox = Inbox(path, create=False)
    try:
        event = inbox.event(key)
    finally:
        inbox.close()
    told = _as_dict(event) | {"payload": _payload(event)}
    if as_json:
        return json.dumps(told, indent=2)
    payload = told.pop("payload")
    lines = [f"{name:<12}{one_line(str(value))}" for name, value in told.items() if value is not None]
    return "\n".join([*lines, json.dumps(payload, indent=2)])


def retry_events(path: str, keys: Sequence[str] = (), *, dead: bool = False, submit_again: bool = False) -> str:
    """Let events be handled again, those that are named or all that are dead; return what was done."""
    return _decide(path, keys, dead, lambda inbox, key: inbox.retry(key, submit_again=submit_again), "handled again")


def drop_events(path: str, keys: Sequence[str] = (), *, dead: bool = False) -> str:
    """Set events aside, those that are named or all that are dead; return what was done."""
    return _decide(path, keys, dead, lambda inbox, key: inbox.drop(key), "dropped")


def _decide(path: str, keys: Sequence[str], dead: bool, decide: Any, what: str) -> str:
    if bool(keys) == dead:
        raise InboxError("name the events by their keys, or all that are dead with --dead")
    inbox = Inbox(path, create=False)
    try:
        chosen = [event.key for event in inbox.events("dead")] if dead else [inbox.event(key).key for key in keys]
        decided = [decide(inbox, key) for key in chosen]
    finally:
        inbox.close()
    return "\n".join(
        [f"{one_line(event.key)} was {event.state}, and is {what}" for event in decided] or ["none is dead"]
    )


def _lines(event: InboxEvent) -> list[str]:
    what = f"{event.state:<8} {_time(event.received)}  {one_line(event.key)}"
    told = [f"tried {event.attempts} times" if event.attempts != 1 else "tried once"] if event.attempts else []
    told += [event.error] if event.error else []
    return [what, *([f"         {'; '.join(told)}"] if told else [])]


def _as_dict(event: InboxEvent) -> dict[str, Any]:
    told = attrs.asdict(event)
    del told["body"]
    for name in ("received", "not_before", "changed", "sent"):
        told[name] = _time(told[name]) if told[name] else None
    return told


def _payload(event: InboxEvent) -> Any:
    try:
        return json.loads(event.body)
    except ValueError:
        return event.body.decode("utf-8", "replace")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
