"""Reads files that hold tables, cell by cell, for every platform. No network; what reads Excel files is loaded then."""
