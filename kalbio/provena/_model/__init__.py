"""What Provena is without a network."""
