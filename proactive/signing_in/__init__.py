"""How staff get into the back office: throttled, and some with a second factor."""
