"""What Sentry would be told of an error in a view, of one that is logged: for `test_error_reports`.

In a process of its own, as the library changes Django for good. Prints the events, as JSON.
"""

import json
import logging

import django
import sentry_sdk

if __name__ == "__main__":
    django.setup()

from django.conf import settings
from django.test import RequestFactory
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from caregiving import error_reports
from caregiving.wsgi import application

NUMBER = "+1415" + "5552671"  # in two parts, for the line of code is told too


class Transport(sentry_sdk.Transport):
    """Keeps what would have been sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def capture_envelope(self, envelope):
        self.sent += [item.payload.json for item in envelope.items if item.type == "event"]


@csrf_exempt
def breaks(request):
    name = request.GET["q"]
    raise ValueError(f"{len(name)} letters: the number {NUMBER} is taken")


urlpatterns = [path("breaks/", breaks), path("", include("caregiving.urls"))]


def main():
    settings.ROOT_URLCONF = "tests.caregiving.reporting_errors"
    transport = Transport()
    error_reports.begin("https://key@sentry.example.org/1", transport=transport)
    # Through the server's entry, as the library takes from there what it tells of a request.
    request = RequestFactory().post(
        "/breaks/?q=Wilhelmina",
        {"Body": "I cannot stop crying"},
        headers={"Authorization": "Bearer hunter2", "X-Forwarded-For": "10.1.2.3"},
    )
    list(application(request.environ, lambda *_: None))
    logging.getLogger("proactive.test").error("message %s: no such number: %s", 7, NUMBER)
    print(json.dumps(transport.sent))


if __name__ == "__main__":
    main()
