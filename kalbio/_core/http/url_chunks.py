"""Cuts long lists of query values into requests that a server will take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kalbio._core.constants import MAX_TARGET

# What stands in a query for itself; a space is a plus, and everything else three characters for each byte.
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~ "


def chunk_for_url(texts: Sequence[str], *, overhead: int, separator: str, max_count: int) -> Iterator[slice]:
    """Yield slices of `texts` that fit into one request target each.

    `overhead` is the length of the target without any of them, `separator` is what stands between two. Lengths are
    those of the percent-encoded text. A single text that is too long still gets a slice of its own: the server decides.
    """
    between = quoted_length(separator)
    start, length = 0, overhead
    for index, text in enumerate(texts):
        cost = quoted_length(text) + between
        if index > start and (length + cost > MAX_TARGET or index - start >= max_count):
            yield slice(start, index)
            start, length = index, overhead
        length += cost
    if start < len(texts):
        yield slice(start, len(texts))


def quoted_length(text: str) -> int:
    """Return the length of a text in a query."""
    # Counted: to quote each text takes as long as everything else that is done with it before it is sent.
    data = text.encode()
    return len(data) + 2 * len(data.translate(None, _PLAIN))
