# Derived from kalbio/provena/aio/older/__init__.py by scripts/regenerate; edit that file. (digest 42109081c7a2)
"""The clients of the older client of Provena, one class for each service: thin methods, each for one operation."""
