"""The clients of the older client of Provena, one class for each service: thin methods, each for one operation."""
