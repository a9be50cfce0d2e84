"""Each example begins with an empty database: what it commits is committed."""

from django.db import connection

from caregiving.models import Caregiver, ConsentChange, CrisisEvent, InboundMessage, WellnessScore
from proactive.models import (
    AuditEntry,
    CadenceSwitch,
    CareAlert,
    Message,
    RefusedWebhook,
    Sender,
    Sweep,
)

# In an order in which they can be emptied.
TABLES = (
    *(AuditEntry, CareAlert, Message, Sweep, CadenceSwitch, Sender, RefusedWebhook),
    *(InboundMessage, ConsentChange, CrisisEvent, WellnessScore, Caregiver),
)


def empty() -> None:
    for table in TABLES:
        table._base_manager.all()._raw_delete(connection.alias)
