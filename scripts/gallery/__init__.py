"""Makes the pictures of README and docs/ from the running product, each in a light and a dark variant."""
