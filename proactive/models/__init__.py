"""What outreach keeps: every text and its end, each sweep, the words, the switches, the
alerts, what staff did and what they asked about another policy, who calls the API and who is told
what happened, how ticks went."""

from proactive.models.alerts import CareAlert
from proactive.models.api import ApiReceipt, ApiToken, ApiTokenQuerySet, Scope
from proactive.models.audit import AuditEntry
from proactive.models.carriage import RefusedWebhook, Sender
from proactive.models.hooks import EventKind, WebhookDelivery, WebhookEndpoint
from proactive.models.messages import RANKED, WAITING, Message, MessageQuerySet, Status
from proactive.models.notes import Note
from proactive.models.policy import CadenceSwitch, MessageTemplate
from proactive.models.simulations import Simulation, SimulationQuerySet
from proactive.models.sweeps import Sweep
from proactive.models.tallies import DayTally
from proactive.models.ticks import TickOutage, TickPart
from proactive.models.weekly import WeeklyReport

__all__ = [
    "RANKED",
    "WAITING",
    "ApiReceipt",
    "ApiToken",
    "ApiTokenQuerySet",
    "AuditEntry",
    "CadenceSwitch",
    "CareAlert",
    "DayTally",
    "EventKind",
    "Message",
    "MessageQuerySet",
    "MessageTemplate",
    "Note",
    "RefusedWebhook",
    "Scope",
    "Sender",
    "Simulation",
    "SimulationQuerySet",
    "Status",
    "Sweep",
    "TickOutage",
    "TickPart",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WeeklyReport",
]
