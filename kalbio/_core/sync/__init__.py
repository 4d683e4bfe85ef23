# Derived from kalbio/_core/aio/__init__.py by scripts/regenerate; edit that file. (digest 982189b467db)
"""The part of the core that waits. Sync twins are derived from it into `kalbio._core.sync`."""
