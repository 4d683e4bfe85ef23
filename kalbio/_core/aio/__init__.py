"""The part of the core that waits. Sync twins are derived from it into `_core.sync`."""
