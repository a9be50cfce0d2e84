"""Telephone numbers have one form however they are written."""

import re

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from caregiving.fields import normalise_phone_number
from caregiving.models import Caregiver, InboundMessage

E164 = "+14155552671"
WRITTEN = [
    "+14155552671",
    "(415) 555-2671",
    "415-555-2671",
    "415.555.2671",
    "4155552671",
    "1 415 555 2671",
    "+1 (415) 555-2671",
    "tel:+1-415-555-2671",
    " +1 415 555 2671 ",
    "+１４１５５５５２６７１",
]
ADVICE = re.escape("write it with its country code, such as +14155552671")
NO_NUMBERS = ["hello", "+", "555-2671", "12", "+14155552671555555", "+49 1512 34567 89012 3456"]

however_written = pytest.mark.parametrize("written", WRITTEN)


class CaregiverForm(forms.ModelForm):
    class Meta:
        model = Caregiver
        fields = ["phone_number"]


class TestNormalisePhoneNumber:
    @however_written
    def test_gives_one_form(self, written):
        assert normalise_phone_number(written) == E164

    def test_reads_a_number_without_country_code_as_one_of_the_region(self):
        assert normalise_phone_number("020 7946 0000", region="GB") == "+442079460000"

    def test_keeps_the_country_of_a_number_that_names_it(self):
        assert normalise_phone_number("+44 20 7946 0000") == "+442079460000"

    @pytest.mark.parametrize("text", NO_NUMBERS)
    def test_says_what_to_write_instead_of_what_is_no_number(self, text):
        with pytest.raises(ValidationError) as caught:
            normalise_phone_number(text)
        [message] = caught.value.messages
        assert repr(text) in message
        assert re.search(ADVICE, message)

    @given(st.text(alphabet="+0123456789 ()-.x", max_size=25) | st.text(max_size=12))
    def test_gives_what_the_column_holds_and_itself_again_or_refuses(self, text):
        try:
            number = normalise_phone_number(text)
        except ValidationError:
            return
        assert len(number) <= 16
        assert normalise_phone_number(number) == number


@pytest.mark.django_db
class TestPhoneNumberField:
    @however_written
    def test_create_normalises(self, written):
        person = Caregiver.objects.create(phone_number=written)
        assert person.phone_number == E164
        assert Caregiver.objects.values_list("phone_number", flat=True).get() == E164

    @however_written
    def test_bulk_create_normalises(self, written):
        Caregiver.objects.bulk_create([Caregiver(phone_number=written)])
        assert Caregiver.objects.values_list("phone_number", flat=True).get() == E164

    @however_written
    def test_full_clean_normalises(self, written):
        person = Caregiver(phone_number=written)
        person.full_clean()
        assert person.phone_number == E164

    @however_written
    def test_a_form_normalises(self, written):
        form = CaregiverForm({"phone_number": written})
        assert form.errors == {}
        assert form.save().phone_number == E164

    @however_written
    def test_a_lookup_finds_it(self, written):
        person = Caregiver.objects.create(phone_number=E164)
        assert Caregiver.objects.get(phone_number=written) == person
        assert Caregiver.objects.get(phone_number__in=[written]) == person

    def test_save_normalises_a_changed_number(self):
        person = Caregiver.objects.create(phone_number="+13125550100")
        person.phone_number = "(415) 555-2671"
        person.save()
        assert Caregiver.objects.values_list("phone_number", flat=True).get() == E164

    def test_update_and_bulk_update_normalise(self):
        person = Caregiver.objects.create(phone_number="+13125550100")
        Caregiver.objects.update(phone_number="(415) 555-2671")
        assert Caregiver.objects.values_list("phone_number", flat=True).get() == E164
        person.phone_number = "(312) 555-0199"
        Caregiver.objects.bulk_update([person], ["phone_number"])
        assert Caregiver.objects.values_list("phone_number", flat=True).get() == "+13125550199"

    @pytest.mark.parametrize("text", NO_NUMBERS)
    def test_whatever_writes_refuses_what_is_no_number(self, text):
        person = Caregiver.objects.create(phone_number=E164)
        for write in (
            lambda: Caregiver.objects.create(phone_number=text),
            lambda: Caregiver.objects.bulk_create([Caregiver(phone_number=text)]),
            lambda: Caregiver.objects.update(phone_number=text),
            lambda: Caregiver(phone_number=text).full_clean(),
            lambda: Caregiver(pk=person.pk, phone_number=text).save(),
        ):
            with pytest.raises(ValidationError, match=ADVICE), transaction.atomic():
                write()
        assert list(Caregiver.objects.values_list("phone_number", flat=True)) == [E164]

    @pytest.mark.parametrize("text", ["+1415555267", "+141555526711", "+15552671", "+44207"])
    def test_full_clean_and_forms_count_the_digits(self, text):
        with pytest.raises(ValidationError, match=ADVICE):
            Caregiver(phone_number=text).full_clean()
        assert list(CaregiverForm({"phone_number": text}).errors) == ["phone_number"]

    def test_full_clean_refuses_an_empty_number(self):
        with pytest.raises(ValidationError) as caught:
            Caregiver(phone_number="").full_clean()
        assert list(caught.value.message_dict) == ["phone_number"]

    def test_one_number_is_one_person_however_written(self):
        Caregiver.objects.create(phone_number=E164)
        with pytest.raises(ValidationError) as caught:
            Caregiver(phone_number="(415) 555-2671").full_clean()
        assert caught.value.message_dict == {
            "phone_number": ["Person with this Phone number already exists."]
        }

    @pytest.mark.parametrize("text", ["22000", "hello", ""])
    def test_a_lookup_of_what_is_no_number_finds_nobody(self, text):
        Caregiver.objects.create(phone_number=E164)
        assert list(Caregiver.objects.filter(phone_number=text)) == []
        assert list(Caregiver.objects.filter(phone_number__in=[text])) == []

    def test_a_search_for_some_digits_finds_it(self):
        person = Caregiver.objects.create(phone_number=E164)
        for digits in ("2671", "+1415"):
            assert list(Caregiver.objects.filter(phone_number__icontains=digits)) == [person]
        assert list(Caregiver.objects.filter(phone_number__startswith="+1312")) == []


@pytest.mark.django_db
class TestSenderOfAText:
    @however_written
    def test_is_normalised(self, written):
        text = InboundMessage.objects.create(from_number=written, provider_sid="SM1")
        assert text.from_number == E164

    @pytest.mark.parametrize("sender", ["22000", "PHARMACY"])
    def test_is_kept_as_it_is_when_it_is_no_telephone(self, sender):
        text = InboundMessage(from_number=sender, provider_sid="SM1")
        text.full_clean()
        text.save()
        assert InboundMessage.objects.values_list("from_number", flat=True).get() == sender
        assert InboundMessage.objects.get(from_number=sender) == text
