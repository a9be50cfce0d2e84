"""Two workers, two beats, a web server and a Twilio that misbehaves, and everything is killed.

`python -m tests.chaos` prepares the servers and runs one scenario for each seed, each in a process
of its own (`scenario.py`): time leaps over days, clocks step, processes die at every point between
queueing and recording (`breaking.py`), the database and Redis crash, and people write meanwhile.
What counts afterwards is what the provider's log has (`checking.py`).

A seed fixes who the people are, when time leaps and how the provider misbehaves. Which process
gets where first is the operating system's business, so a seed is a neighbourhood, not a replay.
"""
