"""The registration workflow from end to end, on a local sandbox, with the public API only."""
