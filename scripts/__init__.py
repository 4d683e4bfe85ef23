"""What the project does to itself: code generation."""
