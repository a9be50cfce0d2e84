"""How dates and times are written, for each language of the back office."""
