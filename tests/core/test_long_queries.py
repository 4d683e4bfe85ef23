"""Queries of ids are put together here, and are what the HTTP library would have made of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kalbio._core.http.httpx_names import with_query

ID = "5eb0c0de-0000-4000-8000-000000000001"
PLAIN: list[dict[str, str]] = [
    {"ids": ID},
    {"ids": ",".join([ID] * 200), "page_size": "250"},
    {"ids": ",", "empty": "", "other": "a.b~c_d-e"},
]
OTHERS: list[Any] = [
    {}, [("ids", ID)], {"ids": 5}, {"ids": None}, {"ids": [ID]}, {"ids": "a b"}, {"ids": "a+b"}, {"ids": "a&b=c"},
    {"a b": ID}, {"ids": "é"}, {"ids": "\ud800"}, {"ids": "a\n"}, {"ids": "%2C"}, {"ids": "x" * 70_000}, b"ids=5",
]  # fmt: skip


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000/records", "https://api.invalid/base/records?old=1#part"])
def test_a_query_of_ids_is_that_of_the_library(base: str) -> None:
    """A url with a plain query is the same url, to the letter, as the library makes."""
    url = httpx.URL(base).copy_with(query=None)
    for params in PLAIN:
        quick, usual = with_query(url, params), url.copy_merge_params(params)
        assert quick is not None
        assert (quick, str(quick), quick.raw_path, quick.query) == (usual, str(usual), usual.raw_path, usual.query)
        assert url.query == b""


def test_any_other_query_is_left_to_the_library() -> None:
    """Whatever would have to be encoded, merged or refused goes the usual way."""
    for params in OTHERS:
        assert with_query(httpx.URL("http://127.0.0.1:8000/records"), params) is None, params
