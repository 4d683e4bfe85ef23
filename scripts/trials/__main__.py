"""Runs the trials and prints their figures; exits 1 when one fails.

scripts/reliability [--calls N] [--share X] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
import time

from scripts.trials import mixed_calls


def main() -> int:
    """Run, print, and say whether all held."""
    parser = argparse.ArgumentParser(prog="scripts/reliability", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="mixed calls to make (default: 10000)")
    parser.add_argument("--share", type=float, default=0.3, help="share of requests that go wrong (default: 0.3)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other faults (default: 1)")
    arguments = parser.parse_args()

    started = time.monotonic()
    figures = mixed_calls.run(arguments.calls, arguments.share, arguments.seed)
    print(f"mixed calls under {arguments.share:.0%} faults, {time.monotonic() - started:.1f} s")
    for name, value in figures.items():
        print(f"  {name}: {value}")
    held = not (figures["lost"] or figures["doubled"] or figures["unreported"])
    print("held" if held else "FAILED: something was lost, doubled, or written without being told")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
