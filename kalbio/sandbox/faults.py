"""The plan of faults of a sandbox: the kit's, with the operations of the API."""

from __future__ import annotations

from kalbio._core.emulator import faults
from kalbio.sandbox.contract import load_contract

LOGINS = frozenset({"createToken"})


class Faults(faults.Faults):
    """The faults of a sandbox that are still to come, in the order in which they were added.

    A call meets the first fault that hits it. Faults with a rate draw for each call of their operation: with the same
    seed and the same calls in the same order the same calls are hit. Calls that run side by side may swap places.

    Args:
        seed: another seed hits other calls.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed, operations=[one.id for one in load_contract().operations], logins=LOGINS)
