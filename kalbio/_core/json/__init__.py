"""JSON: written strictly, read lazily."""
