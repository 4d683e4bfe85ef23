# Derived from kalbio/_core/aio/__init__.py by scripts/regenerate; edit that file. (digest bf7493514f24)
"""The part of the core that waits. Sync twins are derived from it into `kalbio._core.sync`."""
