"""Hiding secrets in text, whatever the text is."""

from __future__ import annotations

from kalbio._core.text.redaction import HIDDEN, redact_strictly
from tests.rows import row


def test_long_runs_take_no_longer_than_they_are_long() -> None:
    """A text of one long run of names or backslashes, which others can send, is read once and not from each place."""
    for run in ("a-", "-authorization", "\\", '\\"token'):
        with row(run):
            assert redact_strictly(run * 20_000).startswith(run)
    for start in ("authorization=", "-authorization=", "x-authorization=", '{\\"x-authorization\\": \\"'):
        with row(start):
            assert redact_strictly(f"{start}hunter2") == start + HIDDEN
