"""Files: their names and what is uploaded."""
