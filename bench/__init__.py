"""How fast the client is, as ratios to what the HTTP library and a JSON parser need for the same work."""
