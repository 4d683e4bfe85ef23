"""A stand-in for an installation of Provena: its seven services, a small identity provider, and an object store.

It reads the description in the generated package, and imports nothing of the client.
"""

from kalbio.provena.sandbox.app import Sandbox
from kalbio.provena.sandbox.faults import Faults

__all__ = ["Faults", "Sandbox"]
