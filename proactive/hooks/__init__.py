"""Webhooks out: who wants to hear what outreach did is told, signed, until they have taken it.

`outbox` writes what is to be told, in the transaction of what it tells of. `sending` takes it to
whoever wants it, through `posting`, signed by `signing`; `keys` makes the secrets, and `replaying`
has it told again. docs/webhooks.md is for whoever listens.
"""
