"""Settings of the web server that the browser talks to: as in production, but on plain http."""

import os

from caregiving.settings import *  # noqa: F403

STATIC_ROOT = os.environ["STATIC_ROOT"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
