"""Handing one text to whoever carries it."""
