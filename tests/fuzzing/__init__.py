"""Webhooks under fire: drawn requests, whole and mangled, of which only signed ones may count.

`python -m tests.fuzzing --help` says how it is run.
"""
