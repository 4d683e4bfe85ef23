"""The first page: what is there, what changed last, and how to point a client at it."""

from __future__ import annotations

import json
from collections import Counter
from typing import cast

from kalbio._core.emulator.pages import HOME, PREFIX
from kalbio._core.emulator.pages.visits import Page
from kalbio.provena.sandbox.app import Sandbox
from kalbio.provena.sandbox.contract import load_contract
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.pages.items import rows_of
from kalbio.provena.sandbox.pages.jobs import counts_by_status
from kalbio.provena.sandbox.pages.visits import Pages, Visit, many, subtype_words

pages = Pages()


@pages.get(HOME)
def overview(visit: Visit) -> Page:
    """The registry in numbers."""
    store, emulator = visit.store, cast("Sandbox", visit.emulator)
    emulator.advance_jobs()
    counts = Counter(dict(store.rows("select parent, count(*) from document where kind = ? group by parent", ITEM)))
    known = load_contract().spec["x-registry-subtypes"]
    newest = store.rows(
        "select body from document indexed by item_updated_timestamp where kind = 'item' "
        "and json_extract(body, '$.updated_timestamp') is not null "
        "order by json_extract(body, '$.updated_timestamp') desc, id desc limit 8"
    )
    context = {
        "counts": [
            (subtype_words(name) if counts[name] == 1 else many(name), counts[name], f"{PREFIX}/items?subtype={name}")
            for name in known
            if counts[name]
        ],
        "jobs": counts_by_status(store),
        "newest": rows_of(store, [json.loads(body) for (body,) in newest]),
        "variables": {
            "PROVENA_URL": emulator.base_url,
            "PROVENA_DOMAIN": "sandbox.invalid",
            "PROVENA_REALM": "sandbox",
            "PROVENA_CLIENT_ID": "admin",
            "PROVENA_CLIENT_SECRET": emulator.client_secret,
        },
    }
    return Page("overview.html", "Registry", context)
