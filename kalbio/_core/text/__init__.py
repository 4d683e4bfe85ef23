"""Text for people: bounded, on one line, without secrets."""
