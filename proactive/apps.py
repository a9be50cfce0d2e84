from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ProactiveConfig(AppConfig):
    name = "proactive"
    verbose_name = "Outreach"

    def ready(self) -> None:
        from caregiving import events
        from proactive import checks, lookups  # noqa: F401  (importing them registers them)
        from proactive.hooks import outbox
        from proactive.roles import create_roles
        from proactive.wording import create_missing_templates

        # After every migrate rather than in a migration: the words of a new cadence appear with
        # the deploy that brings it, and what staff have edited is never overwritten.
        post_migrate.connect(create_missing_templates, sender=self)
        post_migrate.connect(create_roles, sender=self)
        # Wherever an opt-out is heard of: a text, a report, staff, the API, an import.
        events.after_opt_out.append(outbox.opted_out)
