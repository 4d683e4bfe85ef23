"""What writing a value takes, in steps: the functions of this project that a warm `record.add_value` enters.

python -m bench.trace       prints them, those before anything is sent and those after it
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import kaleidoscope_api

import kalbio
from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio.testing import InProcess

_ROOTS = tuple(package.__path__[0] for package in (kalbio, kaleidoscope_api))
_SENDING = EmulatorTransport.handle_request.__code__


@attrs.define
class Trace:
    """The functions entered on each side of the transport, as file and name, in their order."""

    before: list[tuple[str, str]] = attrs.Factory(list)
    after: list[tuple[str, str]] = attrs.Factory(list)

    @property
    def frames(self) -> int:
        """How many functions were entered."""
        return len(self.before) + len(self.after)

    @property
    def files(self) -> int:
        """How many files they stand in."""
        return len({file for file, _ in [*self.before, *self.after]})


def trace_add_value() -> Trace:
    """Write a value on the sandbox in this process, once everything is loaded and cached, and say what was entered."""
    trace = Trace()
    side, sending = trace.before, False

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal side, sending
        code = frame.f_code
        if code is _SENDING:
            side, sending = trace.after, event == "call"
        elif event == "call" and not sending:
            root = next((root for root in _ROOTS if code.co_filename.startswith(root)), None)
            if root is not None:
                side.append((f"{Path(root).name}{code.co_filename[len(root) :]}", code.co_qualname))

    with InProcess() as lab:
        lab.client.entity_fields.get_or_create_key_field("Drug")
        lab.client.entity_fields.get_or_create_data_field("logP", "number")
        record = lab.client.records.get_or_create_record({"Drug": "Warfarin"})
        record.add_value("logP", 2.7)
        sys.setprofile(note)
        try:
            record.add_value("logP", 2.5)
        finally:
            sys.setprofile(None)
    return trace


def main() -> None:
    """Print the trace."""
    trace = trace_add_value()
    for title, side in (("before", trace.before), ("after", trace.after)):
        print(f"{title} the transport: {len(side)} frames")
        for file, name in side:
            print(f"    {file:50} {name}")
    print(f"{trace.frames} frames in {trace.files} files")


if __name__ == "__main__":
    main()
