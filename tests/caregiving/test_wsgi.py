"""What the web server calls: it makes a request of whatever comes in."""

from wsgiref.util import setup_testing_defaults

import pytest

from caregiving.wsgi import application


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("text/plain; charset*=nonsense''x", ""),
        ("text/plain; charset*=utf-8''%00", ""),
        ("text/plain; charset=hex", ""),
        ("text/plain; charset=undefined", ""),
        ("text/plain; charset=nonsense", "text/plain"),
        ("text/plain; charset=utf-8", "text/plain"),
    ],
)
def test_a_content_type_that_cannot_be_made_sense_of_is_none(given, read):
    environ = {"REQUEST_METHOD": "POST", "QUERY_STRING": "a=%00", "CONTENT_TYPE": given}
    setup_testing_defaults(environ)

    assert application.request_class(environ).content_type == read


def test_a_request_without_a_readable_content_type_keeps_its_address():
    environ = {"PATH_INFO": "/٣/".encode().decode("latin-1"), "CONTENT_TYPE": "a/b; charset*=x''y"}
    setup_testing_defaults(environ)

    assert application.request_class(environ).path == "/٣/"
