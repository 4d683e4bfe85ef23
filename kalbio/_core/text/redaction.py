"""Removes secrets from text before it is shown."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"

# Searches start where a run of letters or backslashes does: from each place in a long one, they would take forever.
_FIXED = "access_token|refresh_token|id_token|client_secret|password|api_key"
_AUTHORIZATION = r"(?<![\w-])[\w-]*authorization"
_KEYS = f"{_FIXED}|{_AUTHORIZATION}"
_JSON_MEMBER = re.compile(rf'("(?:{_KEYS})"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE)
_QUOTED_JSON_MEMBER = re.compile(rf'((?<!\\)\\+"(?:{_KEYS})\\+"\s*:\s*\\+")[^"\\]*', re.IGNORECASE)
_SIGNED = r"[\w-]{0,20}signature|x-amz-security-token"  # of links: who has one can open it
_FORM_MEMBER = re.compile(rf"(\b(?:{_FIXED}|{_SIGNED})|{_AUTHORIZATION})=[^&\s\"']*", re.IGNORECASE)
_WORDS = r"[\w-]*(?:credential|passphrase|password|(?:access|api|private)_?key|secret|signature|token)s?"
_SECRET_NAME = re.compile(rf"{_KEYS}|{_SIGNED}|{_WORDS}", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(r"[\w-]*(?:key|sig)", re.IGNORECASE)
_LIKELY_PARAMETER = re.compile(rf"((?:^|[?&])(?:{_WORDS}|[\w-]*(?:key|sig))=)[^&\s\"']+", re.IGNORECASE)
_LIKELY_MEMBER = re.compile(rf'("{_WORDS}"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE)
# Texts in it may come after numbers or nothing, and stand in lists of their own.
_ITEMS = r'(?:[\s,\w.+-]|"(?:[^"\\]|\\.)*"?)*\]?'
_LIKELY_LIST = re.compile(
    rf'("(?:{_AUTHORIZATION}|{_WORDS})"\s*:\s*)\[(?=[\s,\w.+\[-]*"){_ITEMS}(?:[\s,\]]*\[{_ITEMS})*(?:\s*\])*',
    re.IGNORECASE,
)
_QUOTED_LIKELY_LIST = re.compile(
    rf'((?<!\\)\\+"(?:{_AUTHORIZATION}|{_WORDS})\\+"\s*:\s*)\[(?=[\s,\w.+\[-]*\\+")(?:\\+"[^"\\]*(?:\\+")?|[\s,\w.+\[-])*\]*',
    re.IGNORECASE,
)
_QUOTED_LIKELY_MEMBER = re.compile(rf'((?<!\\)\\+"{_WORDS}\\+"\s*:\s*\\+")[^"\\]*', re.IGNORECASE)
_LOGIN_IN_LINK = re.compile(r"(//)[^/?#@\s\"']+@")
# The letters of a short secret are in ordinary words, which must stay readable: it is hidden where it stands alone.
_LONG_ENOUGH = 6
_BEFORE = r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))"  # escapes end in a letter too
_BEARER = re.compile(r"\b(Bearer\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets and without anything that is spelled like a credential.

    A secret of less than six characters is hidden as a word of its own only.
    """
    for secret in secrets:
        is_long = len(secret) >= _LONG_ENOUGH
        for form in _spellings(secret):
            if is_long:
                text = text.replace(form, HIDDEN)
            elif form in text:
                text = re.sub(rf"{_BEFORE}{re.escape(form)}(?!\w)", HIDDEN, text)
    text = _JSON_MEMBER.sub(rf'\1"{HIDDEN}"', text)
    text = _QUOTED_JSON_MEMBER.sub(rf"\1{HIDDEN}", text)
    text = _FORM_MEMBER.sub(rf"\1={HIDDEN}", text)
    return _BEARER.sub(rf"\1{HIDDEN}", text)


def redact_strictly(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a request, or part of it, without secrets and without anything that is named as one might be.

    Links open what they lead to for whoever has them, so their signatures, tokens and logins are hidden as well.
    """
    text = redact(text, secrets)
    text = _LIKELY_PARAMETER.sub(rf"\1{HIDDEN}", text)
    text = _LOGIN_IN_LINK.sub(rf"\1{HIDDEN}@", text)
    text = _LIKELY_MEMBER.sub(rf'\1"{HIDDEN}"', text)
    text = _LIKELY_LIST.sub(rf'\1"{HIDDEN}"', text)
    text = _QUOTED_LIKELY_LIST.sub(rf"\1{HIDDEN}", text)
    return _QUOTED_LIKELY_MEMBER.sub(rf"\1{HIDDEN}", text)


def names_secret(name: str, *, of_parameter: bool = False) -> bool:
    """Whether something is named as a secret might be: a member of JSON, or a parameter of a query or a form."""
    return bool(_SECRET_NAME.fullmatch(name) or (of_parameter and _SECRET_PARAMETER.fullmatch(name)))


def redact_all(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return parsed JSON with every text in it redacted: parsing may have undone an escape that hid a secret."""
    secrets = tuple(secrets)
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, list):
        return [redact_all(item, secrets) for item in value]
    if isinstance(value, dict):
        return {redact(key, secrets): redact_all(item, secrets) for key, item in value.items()}
    return value


def _spellings(secret: str) -> list[str]:
    """The forms in which a server or a log may repeat a secret, longest first: as it is, in JSON, in URLs, in HTML."""
    if not secret:
        return []
    forms = {secret, html.escape(secret)}
    for encoded in (quote(secret, safe=""), quote_plus(secret)):
        forms |= {encoded, re.sub(r"%..", lambda match: match[0].lower(), encoded)}
    for _ in range(2):  # the second time for JSON that a message in JSON quotes
        quoted = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in forms for ascii_only in (True, False)}
        forms |= quoted | {form.replace("/", r"\/") for form in quoted}
    return sorted(forms, key=len, reverse=True)
