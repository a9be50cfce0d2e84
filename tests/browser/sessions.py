"""The cookie of somebody who has signed in as production asks for it: a second factor included."""

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import BrowserContext

from tests.staff import sign_in


def carry_session(context: BrowserContext, site: str, user: User) -> None:
    """From now on the pages of `context` are those of `user`, who gets a phone for it."""
    client = sign_in(Client(), user)
    device, _ = TOTPDevice.objects.get_or_create(user=user, name="phone")
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
