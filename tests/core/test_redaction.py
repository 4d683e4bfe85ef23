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


def test_lists_of_secrets_are_hidden_however_they_stand() -> None:
    """Texts in a list under the name of secrets are hidden after numbers, in lists, in JSON in a text; others stay."""
    for items in (
        '["hunter2"]',
        '[null, "hunter2"]',
        '[1, "hunter2", 2]',
        '[["a"], [1, ["hunter2"]]]',
        '["a", "hunter2',
    ):
        with row(items):
            assert redact_strictly(f'{{"tokens": {items}') == f'{{"tokens": "{HIDDEN}"'
    rest = ', "x": [1, "b"]}, ["c"]'
    assert redact_strictly(f'{{"tokens": [["hunter2"]]{rest}') == f'{{"tokens": "{HIDDEN}"{rest}'
    quoted = r"{\"tokens\": [\"a\", \"hunter2\"], \"x\": [\"b\"]}"
    assert redact_strictly(quoted) == rf"{{\"tokens\": {HIDDEN}, \"x\": [\"b\"]}}"
    for none in ('{"tokens": [1, 2], "x": "y"}', '{"tokens": [], "x": "y"}'):
        with row(none):
            assert redact_strictly(none) == none
    for run in ("[", "a", '["a"]', '"', '\\"', "\\", '\\"tokens\\":['):
        with row(run):
            assert len(redact_strictly(f'"tokens":["x", {run * 20_000}')) > 0
