"""Keeps secrets out of the logs and the representations of the libraries below.

httpx names the URL of every request, and a download may be led to one that is signed. httpcore shows the headers of
answers at DEBUG. hpack, which packs the headers of HTTP/2, shows those of requests at DEBUG, the token among them.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from kalbio._core.http.httpx_names import Headers
from kalbio._core.text.quiet_logs import is_kept_out
from kalbio._core.text.redaction import HIDDEN, redact_strictly

_LOGGERS = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks",
    "hpack.hpack", "hpack.table",
)  # fmt: skip
_COOKIE = re.compile(r"""(\(b'(?:set-)?cookie', )b(?:'[^']*'|"[^"]*")""", re.IGNORECASE)


class _RedactingFilter(logging.Filter):
    """Hides what is spelled like a credential; lets everything else through as it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record that shows a credential. Drop those that show single headers, packed or not."""
        if is_kept_out(record):
            return False
        if record.name.startswith("hpack."):
            return record.levelno > logging.DEBUG
        text = record.getMessage()
        shown = redact_strictly(text)
        shown = _COOKIE.sub(rf"\1{HIDDEN}", shown)
        if shown != text:
            record.msg, record.args = shown, None
        return True


_redacting_filter = _RedactingFilter()


# What may be shown of a request; everything else may be a credential, whatever its name.
_SHOWN = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "host",
        "range", "transfer-encoding", "user-agent",
    }
)  # fmt: skip


class RedactedHeaders(Headers):
    """Headers whose representation and pickle hold no credentials: whoever has an answer has those of its request."""

    def _redacted(self) -> list[tuple[str, str]]:
        return [(name, value if name in _SHOWN else HIDDEN) for name, value in self.multi_items()]

    def copy(self) -> Headers:
        """Return a copy, which hides as much."""
        return RedactedHeaders(self, encoding=self.encoding)

    def __repr__(self) -> str:
        return f"Headers({self._redacted()!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (self._redacted(), self.encoding)


def install() -> None:
    """Hide credentials in the logs of the HTTP libraries, in this whole process. Doing it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_redacting_filter)
