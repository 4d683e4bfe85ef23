"""HTTP, auth, retries, errors, cache and files: what a client of any platform needs, and no noun of one."""
