"""What the headers of answers tell whoever has trouble: which request it was, and how near a limit is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from kalbio._core.description.shapes import safe_header
from kalbio._core.diagnosis.exchanges import Exchange
from kalbio._core.diagnosis.report import HeaderCheck

_REQUEST = re.compile(r"(request|trace|correlation|transaction|invocation).?id|traceparent|cf-ray")
_LIMITS = re.compile(r"rate-?limit")


def judge(exchanges: Iterable[Exchange], request_id_headers: Sequence[str]) -> list[HeaderCheck]:
    """Return whether the answers name the request, and tell limits. Errors show the first of `request_id_headers`."""
    answers = [one for one in exchanges if one.status is not None]
    # Of a refusal that the doctor met itself, not all headers are known.
    whole = [one for one in answers if one.is_good or not one.is_live]
    names = Counter(name for one in whole for header in set(one.headers) if (name := safe_header(header)))
    return [
        _request_id(names, request_id_headers, len(whole)),
        _limits(names, len(whole), [one for one in answers if one.status == 429]),
    ]


def _request_id(names: Counter[str], shown: Sequence[str], count: int) -> HeaderCheck:
    what = "request id"
    if not count:
        return HeaderCheck(what, None, "no answer came")
    found = next((name for name in shown if names[name]), None)
    if found is not None:
        return HeaderCheck(what, True, f"{_in(names, [found], count)}; errors show it as request_id")
    others = [name for name in sorted(names) if _REQUEST.search(name)]
    more = f"; these may be one, and errors do not show them: {_in(names, others, count)}" if others else ""
    return HeaderCheck(
        what, False, f"none: errors cannot say which request it was; looked for {', '.join(shown)}{more}"
    )


def _limits(names: Counter[str], count: int, refusals: Sequence[Exchange]) -> HeaderCheck:
    what = "rate limit"
    if not count and not refusals:
        return HeaderCheck(what, None, "no answer came")
    found = [name for name in sorted(names) if _LIMITS.search(name)]
    told = _in(names, found, count) if found else "no header tells of a limit before it is reached"
    waits = sum(1 for one in refusals if "retry-after" in one.headers)
    refused = (
        f"{len(refusals)} with status 429, {waits} of them with retry-after" if refusals else "none with status 429"
    )
    return HeaderCheck(what, bool(found), f"{told}; refusals: {refused}")


def _in(names: Counter[str], found: Sequence[str], count: int) -> str:
    return ", ".join(f"{name} in {names[name]} of {count} answers" for name in found)
