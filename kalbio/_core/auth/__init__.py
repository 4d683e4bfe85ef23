"""Tokens: kept, renewed, never shown."""
