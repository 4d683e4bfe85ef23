"""Provena: its description, its client and its stand-in."""
