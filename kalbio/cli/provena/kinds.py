"""The subtypes of registry items, as one types them: `models`, `workflow-templates`."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr

KINDS = {
    "organisations": "ORGANISATION",
    "persons": "PERSON",
    "models": "MODEL",
    "workflow-templates": "MODEL_RUN_WORKFLOW_TEMPLATE",
    "dataset-templates": "DATASET_TEMPLATE",
    "datasets": "DATASET",
    "studies": "STUDY",
    "model-runs": "MODEL_RUN",
    "creations": "CREATE",
    "versions": "VERSION",
}
"""The subtypes by the words for them; they are completed."""
_MEANT = {
    spelling: subtype
    for word, subtype in KINDS.items()
    for spelling in (word, word.removesuffix("s"), subtype.lower().replace("_", "-"))
}


class Kind(click.ParamType[str]):
    """A subtype: one of the words above, in the singular, or as the registry calls it."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the subtype that is meant."""
        wanted = str(value).lower().replace("_", "-")
        if wanted not in _MEANT:
            cure = did_you_mean(wanted, KINDS) or f" There are {', '.join(KINDS)}."
            self.fail(f"{safe_repr(value)} is no kind of items.{cure}", param, ctx)
        return _MEANT[wanted]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the words that begin so."""
        return [CompletionItem(word) for word in KINDS if word.startswith(incomplete)]


KIND = Kind()
