"""What stands before the password check."""

from typing import Any

from axes.backends import AxesStandaloneBackend
from django.http import HttpRequest


class ThrottlingBackend(AxesStandaloneBackend):
    """Whoever has failed too often is not even asked for the password.

    Without a request there is nobody to slow down: a script that can call `authenticate` could as
    well read the database. Every sign-in over the web comes with one.
    """

    def authenticate(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> None:
        if request is not None:
            super().authenticate(request, *args, **kwargs)
