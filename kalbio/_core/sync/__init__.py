# Derived from kalbio/_core/aio/__init__.py by scripts/regenerate; edit that file. (digest 651e83295550)
"""The part of the core that waits. Sync twins are derived from it into `_core.sync`."""
