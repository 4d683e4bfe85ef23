"""Trials of the client under faults: nothing lost, nothing doubled."""
