"""Requests and responses: addresses, connections' settings, headers, bodies, and what an answer must be."""
