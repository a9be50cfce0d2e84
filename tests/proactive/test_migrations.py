"""The outreach's migrations over a database in use: interrupted, run again, and taken back."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from proactive.models import CareAlert, Message
from tests.factories import CaregiverFactory, MessageFactory

ALERTS, TWO_WAY = "0002_senders_and_alerts", "0003_two_way"
STEPS = len(import_module(f"proactive.migrations.{TWO_WAY}").Migration.operations)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def back_again(transactional_db, settings):
    ours = {"caregiving", "proactive", "auth", "contenttypes"}
    settings.MIGRATION_MODULES = {
        app.label: None for app in apps.get_app_configs() if app.label not in ours
    }
    yield
    migrate_everything()


def migrate(name):
    MigrationExecutor(connection).migrate([("proactive", name)])


def migrate_everything():
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.parametrize("after", range(STEPS))
def test_one_that_was_interrupted_can_be_run_again(after):
    migrate(ALERTS)
    executor = MigrationExecutor(connection)
    migration = executor.loader.get_migration("proactive", TWO_WAY)
    state = executor.loader.project_state(("proactive", TWO_WAY), at_end=False)
    migration.operations = migration.operations[:after]
    with connection.schema_editor(atomic=False) as editor:
        migration.apply(state, editor)

    migrate(TWO_WAY)

    migrate_everything()
    message = MessageFactory(status="unknown")
    assert (message.lookups, message.look_up_at) == (0, None)


def test_alerts_that_were_opened_again_since_do_not_keep_it_from_being_taken_back():
    someone = CaregiverFactory()
    occasion = timezone.now()
    for resolved_at in (occasion, None):
        CareAlert.objects.create(
            kind="followup_missed", caregiver=someone, occasion=occasion, resolved_at=resolved_at
        )
    MessageFactory(caregiver=someone)

    migrate("0001_initial")
    migrate_everything()

    assert (CareAlert.objects.count(), Message.objects.count()) == (2, 1)
