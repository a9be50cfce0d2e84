"""How fast it is: each figure against a baseline in the same run, on the same data."""
