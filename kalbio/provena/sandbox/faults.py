"""The plan of faults of a stand-in: the kit's, with the operations of the API."""

from __future__ import annotations

from kalbio._core.emulator import faults
from kalbio.provena.sandbox.contract import load_contract

LOGINS = frozenset({"createToken", "startDeviceLogin", "getRealm"})


class Faults(faults.Faults):
    """The faults of a stand-in that are still to come, in the order in which they were added.

    Args:
        seed: another seed hits other calls.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed, operations=[one.id for one in load_contract().operations], logins=LOGINS)
