"""Answers to requests that lead nowhere, which read nothing of the request.

Django's own look for a CSRF token in what was posted, and so fail, with a 500, where that is the
very thing that cannot be read.
"""

from django.http import HttpRequest, HttpResponse


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(400, "Bad request", "The request cannot be read.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(404, "Not found", "There is no page at this address.")


def _page(status: int, title: str, says: str) -> HttpResponse:
    return HttpResponse(
        f'<!doctype html>\n<html lang="en"><title>{title}</title><h1>{title}</h1><p>{says}</p>\n',
        status=status,
    )
