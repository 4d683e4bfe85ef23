"""Replays recorded requests with the stand-in for Provena, in the order of time, and compares its answers.

What was done between two recorded requests is done here too where an answer tells it: files that a link was made for
are there, and items that could not be read are private. Ids are other ones here: each that an answer names at the place
where the recorded one names another is taken for that one from then on. An answer holds when its status is the recorded
one, when it says the same of success, and when it has the same shape: the same members, with values of the same kinds.
What is wrong with a request is the same at the same places.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from kalbio._core.emulator.messages import Request
from kalbio.provena.sandbox import Sandbox, items, objects
from kalbio.provena.sandbox.items import ITEM, SETTINGS
from scripts.provena_captures import Capture, Unmade, call_of

_ID = re.compile(r"10378\.1/\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNKNOWN = re.compile(r"10378\.1/\d|[0-9a-f]{8}-0000")
_MINTED = re.compile(r"10378\.1/\d{5,}")
_BOUNDARY = "replay-of-captures"
_ENDED = ("SUCCEEDED", "FAILED")

Step = str | int
Place = tuple[Step, ...]


class Replay:
    """A stand-in, and what the recorded ids are called in it."""

    def __init__(self, captures: list[Capture]) -> None:
        self._sandbox = Sandbox()
        self._ids: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._slow = _slow_jobs(captures)
        self._held = False

    def close(self) -> None:
        """Close the stand-in."""
        self._sandbox.close()

    def problem_of(self, capture: Capture) -> str | None:
        """Make the request of a capture; return how the answer differs, None when it does not."""
        if not self._held and any(session in self._slow for session in _sessions(capture)):
            self._sandbox.hold_jobs()
            self._held = True
        self._bring_about(capture)
        answer = self._sandbox.handle(self._request(capture))
        kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
        body = json.loads(answer.body) if "json" in kind else answer.body.decode("utf-8", "replace")
        for _ in range(5):
            if not self._held or not _is_behind(capture, answer.status, body):
                break
            self._sandbox.step_jobs()
            answer = self._sandbox.handle(self._request(capture))
            body = json.loads(answer.body)
        if self._held and _has_ended(capture):
            self._sandbox.release_jobs()
            self._held = False
        recorded = capture.response
        if answer.status == 501 and recorded["status"] != 501:
            return "the stand-in does not have it (501)"
        if answer.status != recorded["status"]:
            return f"status {answer.status}, not {recorded['status']}: {str(body)[:160]}"
        self._learn(recorded["body"], body)
        if answer.status == 422:
            return _other_points(recorded["body"], body)
        differences = list(self._differences(recorded["body"], body, ()))
        return "; ".join(differences[:4]) or None

    def _bring_about(self, capture: Capture) -> None:
        """Do what a recorded answer says was done before: also items that no recorded request has made."""
        asked, answer, store = capture.request, capture.response, self._sandbox.store
        for name, id in _named([asked["query"], asked["body"]]):
            if id not in self._ids and capture.service == "registry-api" and capture.user not in (None, "bad"):
                owner = str(capture.user)
                with self._sandbox.lock:
                    if "template" in name + asked["path"]:
                        made = items.seed(store, "DATASET_TEMPLATE", owner)
                    else:
                        made = items.create(store, "ORGANISATION", {"display_name": id, "name": id}, owner)
                self._ids[id] = made["id"]
        if capture.operation == "datastoreRegistryItemsGeneratePresignedUrl" and answer["status"] == 200:
            item = store.get(ITEM, self._here(asked["body"]["dataset_id"]))
            if item is not None:
                with self._sandbox.lock:
                    objects.put_text(store, f"{item['s3']['path']}{asked['body']['file_path']}", "a,b\n")
        elif answer["status"] == 401 and answer["body"] == {"detail": "You are not authorised to fetch this item."}:
            id = self._here(asked["query"].get("id", asked["query"].get("handle_id")))
            known = store.get(SETTINGS, id)
            if known is not None:
                settings = {**known["access_settings"], "general": []}
                with self._sandbox.lock:
                    store.put(SETTINGS, {**known, "access_settings": settings})

    def _request(self, capture: Capture) -> Request:
        asked = capture.request
        query = {name: self._here(_as_text(value)) for name, value in (asked["query"] or {}).items()}
        target = f"/{capture.service}{asked['path']}" + (f"?{urlencode(query)}" if query else "")
        headers = []
        if capture.user is not None:
            headers.append(("authorization", f"Bearer {self._token(capture.user)}"))
        headers += [(name, value) for name, value in asked["headers"].items() if name.lower().startswith("x-")]
        body = b""
        if "multipart" in asked:
            headers.append(("content-type", f"multipart/form-data; boundary={_BOUNDARY}"))
            body = self._multipart(asked["multipart"])
        elif asked["body"] is not None:
            headers.append(("content-type", "application/json"))
            text = asked["body"] if isinstance(asked["body"], str) else json.dumps(self._here(asked["body"]))
            body = text.encode()
        return Request(asked["method"], target, headers, body)

    def _multipart(self, parts: dict[str, list[str]]) -> bytes:
        lines = []
        for name, (file, content, kind) in parts.items():
            lines += [
                f"--{_BOUNDARY}",
                f'Content-Disposition: form-data; name="{name}"; filename="{file}"',
                f"Content-Type: {kind}",
                "",
                self._here(content),
            ]
        return "\r\n".join([*lines, f"--{_BOUNDARY}--", ""]).encode()

    def _token(self, user: str) -> str:
        if user == "bad":
            return "sandbox-token-of-nobody"
        if user not in self._tokens:
            form = {"grant_type": "refresh_token", "client_id": "client-tools"}
            form["refresh_token"] = self._sandbox.offline_token(user)
            headers = [("content-type", "application/x-www-form-urlencoded")]
            target = "/identity/protocol/openid-connect/token"
            answer = self._sandbox.handle(Request("POST", target, headers, urlencode(form).encode()))
            self._tokens[user] = json.loads(answer.body)["access_token"]
        return self._tokens[user]

    def _here(self, value: Any) -> Any:
        """A recorded value with the ids that it names as they are here."""
        if isinstance(value, dict):
            return {self._here(name): self._here(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._here(one) for one in value]
        if isinstance(value, int) and not isinstance(value, bool):
            known = self._ids.get(f"#{value}")
            return value if known is None else int(known)
        return _ID.sub(lambda found: self._ids.get(found[0], found[0]), value) if isinstance(value, str) else value

    def _learn(self, recorded: Any, here: Any, name: Step = "") -> None:
        """Take the ids at the same places for each other."""
        if isinstance(recorded, dict) and isinstance(here, dict):
            for key in recorded:
                self._learn(recorded[key], here.get(key), key)
        elif isinstance(recorded, list) and isinstance(here, list):
            for one, other in self._paired(recorded, here):
                self._learn(one, other, name)
        elif isinstance(recorded, str) and isinstance(here, str):
            ids, found = _ID.findall(recorded), _ID.findall(here)
            if len(ids) == len(found) == 1:  # in longer texts they may stand in another order
                self._ids.setdefault(ids[0], found[0])
        elif name == "request_id" and isinstance(recorded, int) and isinstance(here, int):
            self._ids.setdefault(f"#{recorded}", str(here))

    def _paired(self, recorded: list[Any], here: list[Any]) -> Iterator[tuple[Any, Any]]:
        """The items of two lists that belong together: by what is known of their ids, and then by their place."""
        left = list(here)
        unknown = []
        for one in recorded:
            known = self._ids.get(_own_id(one) or "")
            match = next((other for other in left if known is not None and _own_id(other) == known), None)
            if match is None:
                unknown.append(one)
                continue
            left.remove(match)
            yield one, match
        known_here = set(self._ids.values())
        strangers = _by_kind([one for one in unknown if _own_id(one) not in self._ids])
        new = _by_kind([one for one in left if _own_id(one) not in known_here])
        for kind in strangers.keys() & new.keys():
            if len(strangers[kind]) == len(new[kind]):
                yield from zip(strangers[kind], new[kind], strict=True)

    def _differences(self, recorded: Any, here: Any, place: Place) -> Iterator[str]:
        where = ".".join(map(str, place)) or "the answer"
        if isinstance(recorded, dict) and isinstance(here, dict):
            if _is_map(place):
                return
            if _has_come_further(recorded, here):
                recorded, here = (
                    {name: value for name, value in job.items() if name not in ("info", "result")}
                    for job in (recorded, here)
                )
            for name in recorded.keys() - here.keys():
                yield f"{where} lacks {name}"
            for name in here.keys() - recorded.keys():
                yield f"{where} has {name} besides"
            for name in recorded.keys() & here.keys():
                yield from self._differences(recorded[name], here[name], (*place, name))
        elif isinstance(recorded, list) and isinstance(here, list):
            for one, other in self._comparable(recorded, here):
                yield from self._differences(one, other, (*place, _own_id(one) or 0))
        elif _kind(recorded) != _kind(here):
            yield f"{where} is {_shown(here)}, not {_shown(recorded)}"
        elif place[-1:] == ("success",) and recorded != here:
            yield f"{where} is {here}, not {recorded}"

    def _comparable(self, recorded: list[Any], here: list[Any]) -> Iterator[tuple[Any, Any]]:
        """What to compare of two lists: items of the same id, else one that stands for all of a kind with its like."""
        known = {self._ids.get(_own_id(one) or ""): one for one in recorded}
        pairs = [(known[id], one) for one in here if (id := _own_id(one)) is not None and id in known]
        if pairs:
            yield from pairs
            return
        of_kind, of_kind_here = _by_kind(recorded), _by_kind(here)
        for kind in of_kind.keys() & of_kind_here.keys():
            yield _merged(of_kind[kind]), _merged(of_kind_here[kind])


def _named(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The handles in a request, each with the name that it stands under."""
    if isinstance(value, dict):
        for member, one in value.items():
            yield from _named(one, member)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one, name)
    elif isinstance(value, str) and _MINTED.fullmatch(value):
        yield name, value


def _other_points(recorded: Any, here: Any) -> str | None:
    """How what is wrong with a request differs: both sides name the same places, and what is wrong there."""
    wanted, found = (
        [(".".join(map(str, one["loc"])), one["type"]) for one in body["detail"]] for body in (recorded, here)
    )
    strange = [f"{kind} at {place}" for place, kind in found if (place, kind) not in wanted]
    missing = [f"{kind} at {place}" for place, kind in wanted if (place, kind) not in found]
    told = [f"it tells {', '.join(strange)}"] if strange else []
    told += [f"it does not tell {', '.join(missing)}"] if missing else []
    return "; ".join(told) or None


def _own_id(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return next((value[name] for name in ("id", "session_id", "handle") if isinstance(value.get(name), str)), None)
    return None


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- jobs --------------------------------------------------------------------------------------------------------


def _sessions(capture: Capture) -> list[str]:
    """The jobs that an answer names the launch of."""
    body = capture.response["body"]
    if not isinstance(body, dict) or capture.operation.startswith("jobJobsUser"):
        return []
    return [value for name, value in body.items() if name.endswith("session_id") and isinstance(value, str)]


def _slow_jobs(captures: Iterable[Capture]) -> set[str]:
    """The jobs that were seen before they had ended."""
    slow, seen = set(), set()
    for capture in captures:
        if capture.operation not in ("jobJobsUserFetch", "jobJobsAdminFetch"):
            continue
        session = (capture.request["query"] or {}).get("session_id")
        if session and session not in seen and not _has_ended(capture):
            slow.add(session)
        seen.add(session)
    return slow


def _status(body: Any) -> str | None:
    job = body.get("job") if isinstance(body, dict) else None
    return job.get("status") if isinstance(job, dict) else None


def _has_ended(capture: Capture) -> bool:
    return _status(capture.response["body"]) in _ENDED


def _has_come_further(recorded: Any, here: Any) -> bool:
    """Whether a job has another stage than when it was seen on its way: what it tells of itself is another then."""
    return "session_id" in recorded and recorded.get("status") not in (here.get("status"), *_ENDED)


def _is_behind(capture: Capture, status: int, body: Any) -> bool:
    """Whether a job has not come as far as it had when it was recorded."""
    wanted = _status(capture.response["body"])
    return wanted is not None and (status == 400 or _status(body) != wanted) and _status(body) not in _ENDED


# -- shapes ------------------------------------------------------------------------------------------------------


_MAPS = ("user_metadata", "groups", "annotations", "resources", "json_schema", "ui_schema", "item_payload", "payload")


def _is_map(place: Place) -> bool:
    """Whether the members of a dict are names of the user's own, or of something that is not described."""
    return bool(place) and place[-1] in _MAPS


def _by_kind(items: list[Any]) -> dict[tuple[str, ...], list[Any]]:
    """The items of a list by what says which members they have: pages hold items and jobs of several kinds."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for one in items:
        names = ("item_subtype", "record_type", "job_sub_type", "status") if isinstance(one, dict) else ()
        kind = tuple(str(one[name]) for name in names if isinstance(one.get(name), str))
        found.setdefault(kind, []).append(one)
    return found


def _merged(items: list[Any]) -> Any:
    """One item that stands for all: of objects each member of any of them, a value rather than null."""
    merged: Any = None
    for one in items:
        merged = _both(merged, one)
    return merged


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _both(one.get(name), other.get(name)) for name in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    return other if one is None else one


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _shown(value: Any) -> str:
    return {"NoneType": "null", "str": "text", "dict": "an object", "list": "a list"}.get(_kind(value), _kind(value))


def replay_sandbox(captures: list[Capture], enough: float) -> bool:
    """Compare all captures with a fresh stand-in, print the outcome, and return whether enough hold."""
    replay = Replay(captures)
    wrong: list[tuple[Capture, str, bool]] = []
    held: Counter[bool] = Counter()
    try:
        for capture in captures:
            problem = replay.problem_of(capture)
            made = _is_made(capture)
            if problem is None:
                held[made] += 1
            else:
                wrong.append((capture, problem, made))
    finally:
        replay.close()
    total = sum(1 for capture in captures if _is_made(capture))
    print(
        f"stand-in: {held[True]} of {total} captures that a method makes hold ({held[True] / max(total, 1):.1%}), "
        f"{held.total()} of all {len(captures)}"
    )
    for capture, problem, made in wrong:
        print(f"  {'' if made else '(no method) '}{capture}: {problem}")
    return total > 0 and held[True] >= enough * total


def _is_made(capture: Capture) -> bool:
    try:
        call_of(capture)
    except Unmade:
        return False
    return True
