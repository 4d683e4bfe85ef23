"""Default numbers that are about nouns of Kaleidoscope. Those of HTTP stand in the floor. Times are seconds."""

from __future__ import annotations

RECORD_TTL = 60.0
RECORD_CACHE_SIZE = 10_000
# With more key fields than this, everything is forgotten: too many combinations could be records.
MANY_KEYS = 8
# Of more writes than this, the oldest are not kept apart: what was read before them is read again.
MANY_TOUCHED = 5_000

RELATION_TTL = 10.0
RELATION_CACHE_SIZE = 128

# Imports that a client has pushed, and waits to see the end of.
RUNNING_IMPORTS = 1_000

# The first records of a search come with a small request, before the look-ahead begins.
FIRST_BATCH = 25

# Rows that one import of a load carries: a few seconds of work for the platform, and few megabytes.
IMPORT_ROWS = 5_000
