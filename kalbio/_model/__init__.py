"""What the nouns of the platform are without a network: enumerations, value objects, identifiers and pure decisions."""
