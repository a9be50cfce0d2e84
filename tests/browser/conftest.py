"""Fixtures: a browser that reaches nothing but our own web server, and staff who are signed in."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from proactive.roles import Role
from tests.browser import chromium
from tests.browser.serving import serving
from tests.browser.sessions import carry_session
from tests.browser.watching import Watch
from tests.conftest import database_url
from tests.staff import member_of

# Playwright runs a loop of its own in this thread; what these tests do in the database is not its
# business.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    executable = chromium.find()
    if executable is None:
        # Whoever has no browser may go without; what decides on a change may not.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(chromium.MISSING)
    return {
        **browser_type_launch_args,
        "executable_path": executable,
        "args": list(chromium.ARGUMENTS),
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": chromium.DESKTOP, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def site(browser, django_db_setup, tmp_path_factory) -> Iterator[str]:
    """The address of the web server; it works on the database of these tests."""
    with serving(tmp_path_factory.mktemp("site"), database_url()) as address:
        yield address


@pytest.fixture
def watch(context: BrowserContext, site: str) -> Iterator[Watch]:
    """What pages asked for and complained about: at the end of the test there must be nothing."""
    watch = Watch(context, site)
    yield watch
    assert not watch.complaints


@pytest.fixture
def signed_in(context: BrowserContext, site: str, watch: Watch) -> Callable[..., Page]:
    """`signed_in(role)`: a page of somebody who has just signed in. Takes a user as well."""

    def sign_in_as(role: Role, user=None) -> Page:
        carry_session(context, site, user or member_of(role))
        return context.new_page()

    return sign_in_as
