"""The error of a load that is refused before anything is sent."""

from __future__ import annotations

from kalbio._model.errors import KalbioError
from kalbio.loading.plan import PlannedLoad
from kalbio.loading.showing import grouped

_SHOWN = 5


class LoadRefusedError(KalbioError, ValueError):
    """A table has cells or rows that cannot be loaded, and nothing was sent; `plan` tells all of them."""

    def __init__(self, plan: PlannedLoad) -> None:
        self.plan = plan
        refused = grouped(plan.refused)
        more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        super().__init__(
            f"Nothing was sent, because the plan refuses {plan.refused_text}: "
            f'{"; ".join(map(str, refused[:_SHOWN]))}{more}. Mend them, or load the rest with on_error="continue".'
        )
