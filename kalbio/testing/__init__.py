"""The sandbox in process, for tests: no port, no server, the same rules.

    from kalbio.testing import InProcess

    with InProcess() as lab:
        record = lab.client.records.get_or_create_record({"compound": "CPD-1"})

Needs the extra `sandbox`: `pip install '.[sandbox]'` in a checkout.
"""

from __future__ import annotations

from kalbio.sandbox import Fault, Faults
from kalbio.testing.builders import make_assay_results, make_compounds
from kalbio.testing.in_process import Exchange, InProcess, SandboxTransport

__all__ = [
    "Exchange",
    "Fault",
    "Faults",
    "InProcess",
    "SandboxTransport",
    "make_assay_results",
    "make_compounds",
]
