"""Takes secrets out of text before anyone can see it."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"

_KEYS = r"access_token|refresh_token|id_token|client_secret|[\w-]*authorization|password|api_key"
_JSON_MEMBER = re.compile(rf'("(?:{_KEYS})"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE)
_FORM_MEMBER = re.compile(rf"\b({_KEYS})=[^&\s\"']*", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets and without anything that is spelled like a credential."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _JSON_MEMBER.sub(rf'\1"{HIDDEN}"', text)
    text = _FORM_MEMBER.sub(rf"\1={HIDDEN}", text)
    return _BEARER.sub(rf"\1{HIDDEN}", text)
