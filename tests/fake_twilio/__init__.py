"""A Twilio that runs here: a real HTTP server that keeps a durable log and misbehaves on request.

It takes texts, lists them, reports what becomes of each and passes on what people write, the last
two by signed webhooks. In a test's own process:

    with FakeTwilio(log=tmp_path / "twilio.jsonl") as twilio:
        twilio.script(Step(status=429, code=20429, headers={"Retry-After": "7"}))
        twilio.script(Step(status=400, code=21610), to="+12025550143")

In a process of its own, which outlives its clients' crashes (`--help` tells more):

    python -m tests.fake_twilio --log FILE --webhooks http://127.0.0.1:8000
    python -m tests.fake_twilio text --to-fake http://127.0.0.1:PORT --from +12025550143 "Hello"

The first prints "listening on http://...": a page there lets one text as any caregiver. What
controls it is JSON, in and out; what makes no sense is answered 400:

    POST /_fake/script   {"to": "+12025550143" or null, "steps": [{"status": 400, "code": 21610}]}
    POST /_fake/faults   {"drop_after": 0.1, "lose": 0.2}: see Faults; {} is good behaviour again
    POST /_fake/inbound  {"from": "+12025550143", "body": "Hi", "media": [], "opt_out_type": null}
                         answers {"status", "outcome", "twiml", "reply", "error"}, as in the log
    POST /_fake/pause    {"on": true}: requests to send wait, and nothing is taken, until false
    POST /_fake/drain    {"timeout": 10}: waits until nothing more becomes of any text, then answers
                         {"drained": true, "pending_callbacks": 0}
    GET  /_fake/state    {"requests", "accepted", "waiting", "pending_callbacks", "callbacks",
                         "inbound"}, all numbers, and "blocked": [[our number, theirs]]

The log has one JSON object a line, on disk before anybody is answered. All have `event`, `at` and
`time` (seconds since 1970); then

    create    each request to send: `params`, `sid` (null when refused), `outcome` ("accepted" or
              "refused") and `answer` ("201", "400 21610", "dropped")
    callback  each report of a status: `url`, `params`, `outcome` ("sent", "lost" on request,
              "unreachable") and `http_status`
    inbound   each text from a person: `url`, `params`, `http_status`, `twiml`, `reply`, `error` and
              `outcome` ("reply", "silent", "blocked": a reply to somebody who said STOP, "failed",
              "unreachable")
"""

from tests.fake_twilio.account import ACCOUNT_SID, AUTH_TOKEN, NUMBER
from tests.fake_twilio.fake import FakeTwilio
from tests.fake_twilio.faults import Faults
from tests.fake_twilio.steps import Step, error_json

__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "NUMBER",
    "FakeTwilio",
    "Faults",
    "Step",
    "error_json",
]
