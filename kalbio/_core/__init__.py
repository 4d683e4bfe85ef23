"""HTTP, auth, retries, errors, cache and files: everything that a client of any platform needs, and no noun of Kaleidoscope."""
