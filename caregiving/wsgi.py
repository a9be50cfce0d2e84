"""The WSGI entry point for gunicorn."""

import os
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caregiving.settings")


class Request(WSGIRequest):
    """One whose Content-Type cannot be made sense of has none.

    Django reads it before any handler of errors is in place, so that an unknown charset, which
    anybody may send, would be an error of ours: a 500 and a traceback.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        as_it_came = dict(environ)  # Django changes it as it goes
        try:
            super().__init__(environ)
        except (LookupError, ValueError):
            super().__init__({**as_it_came, "CONTENT_TYPE": ""})


application = get_wsgi_application()
application.request_class = Request
