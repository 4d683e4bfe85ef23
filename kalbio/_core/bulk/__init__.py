"""What became of each row of a bulk write, in memory and on disk."""
