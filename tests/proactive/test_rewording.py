"""Words are changed by those who have seen the newest ones, and every change is kept."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone

from proactive import rewording
from proactive.models import AuditEntry, MessageTemplate
from proactive.rewording import Overtaken, Piece, SameWords

pytestmark = pytest.mark.django_db

NEW = "Hi $first_name, how are things? Call or text 988."


@pytest.fixture
def template():
    return MessageTemplate.objects.get(cadence="crisis_followup", stage=1, language="en")


def save(template, body=NEW, **options):
    options = {
        "seen_at": template.updated_at,
        "by": User.objects.get_or_create(username="lead")[0],
        "reason": "shorter",
        "now": timezone.now(),
    } | options
    rewording.save_draft(template, body, **options)
    template.refresh_from_db()


def test_a_draft_is_saved_with_its_trace(template):
    before = template.body

    save(template)

    assert template.body == NEW
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.by.username, entry.reason) == ("reword", "lead", "shorter")
    assert entry.changes == {"body": [before, NEW]}
    assert list(rewording.history(template)) == [entry]


@pytest.mark.parametrize("ago", [timedelta(microseconds=1), None])
def test_nobodys_newer_words_are_written_over(template, ago):
    seen_at = template.updated_at - ago if ago else None

    with pytest.raises(Overtaken) as overtaken:
        save(template, seen_at=seen_at)

    assert overtaken.value.newer == template
    template.refresh_from_db()
    assert template.body != NEW
    assert not AuditEntry.objects.exists()


def test_what_cannot_be_sent_or_is_there_already_changes_nothing(template):
    before = template.updated_at

    with pytest.raises(SameWords):
        save(template, template.body)
    with pytest.raises(ValidationError):
        save(template, "Hi $frist_name")

    template.refresh_from_db()
    assert template.updated_at == before
    assert not AuditEntry.objects.exists()


def test_the_history_is_of_one_template_newest_first(template):
    other = MessageTemplate.objects.get(cadence="crisis_followup", stage=2, language="en")
    save(other)
    save(template, "One.", now=timezone.now() - timedelta(hours=1))
    save(template, "Two.")

    found = [entry.changes["body"][1] for entry in rewording.history(template)]

    assert found == ["Two.", "One."]


def test_a_comparison_goes_word_by_word():
    pieces = list(rewording.compare("How are you today?", "How are you, really?"))

    assert pieces == [
        Piece("", "How are "),
        Piece("del", "you today?"),
        Piece("ins", "you, really?"),
    ]


def test_the_original_words_are_those_of_the_stage_or_tier_in_the_language(template):
    assert rewording.original(template) == template.body
    tier = MessageTemplate.objects.get(cadence="wellness", tier="high", language="es")
    assert rewording.original(tier) == tier.body
    assert rewording.original(MessageTemplate(cadence="gone", stage=1, language="en")) is None
