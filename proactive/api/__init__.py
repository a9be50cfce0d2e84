"""What the service's own assistant, apps and phone line tell us, and ask: JSON over HTTP.

Thin over `caregiving.events`; see docs/api.md.
"""
