"""kalbio."""
