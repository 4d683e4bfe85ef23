"""The part of the core that waits. Sync twins are derived from it into `kalbio._core.sync`."""
