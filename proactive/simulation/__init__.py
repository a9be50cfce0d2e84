"""The policy in simulated time: the code that runs every day, with people, clock and provider
from a seed.

A world runs in a process of its own, on a scratch database, without the address of the real one and
without credentials (`world`, started by `running`). `simulate`, the page in the admin and the proof
in `benchmarks/` all ask it.
"""
