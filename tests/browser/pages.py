"""The kinds of pages that the back office has, as somebody uses them."""

from typing import Self

from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

PASSWORD = "correct horse battery staple"
# More stops than any of our pages has.
MOST_STOPS = 250


def sign_in(page: Page, site: str, username: str, password: str = PASSWORD) -> None:
    """Through the form; whatever page comes after it is open then."""
    page.goto(f"{site}{reverse('admin:login')}")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def go_to(page: Page, entry: str) -> None:
    """By the sidebar."""
    page.locator("#nav-sidebar-inner").get_by_role("link", name=entry).click()


def go_home(page: Page, site: str) -> None:
    page.goto(f"{site}{reverse('admin:index')}")


def badge(page: Page) -> Locator:
    """What stands at the top of every page: whether texts go out at all."""
    return page.locator("#header-inner")


class ListPage:
    """A list, such as of `proactive_message`."""

    def __init__(self, page: Page, site: str) -> None:
        self.page, self.site = page, site

    def open(self, name: str, query: str = "") -> Self:
        self.page.goto(f"{self.site}{reverse(f'admin:{name}_changelist')}{query}")
        return self

    def choose(self, *rows: Model) -> Self:
        for row in rows:
            self.page.locator(f"input.action-select[value='{row.pk}']").check()
        return self

    def act(self, label: str) -> None:
        self.page.locator("select[name=action]").select_option(label=label)
        self.page.get_by_role("button", name="Run").click()
        expect(self.page.locator(".confirm")).to_be_visible()


class RowPage:
    """The page of one row."""

    def __init__(self, page: Page, site: str) -> None:
        self.page, self.site = page, site

    def open(self, row: Model) -> Self:
        opts = row._meta
        url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
        self.page.goto(self.site + url)
        return self

    def act(self, label: str) -> None:
        self.page.get_by_role("link", name=label).click()
        expect(self.page.locator(".confirm")).to_be_visible()


class ConfirmPage:
    """What would happen, a reason, and yes or no."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.form = page.locator(".confirm form")
        self.foreseen = page.locator(".confirm [aria-labelledby=confirm-done]")
        self.reason = self.form.locator("[name=reason]")

    def say(self, reason: str) -> Self:
        self.reason.fill(reason)
        return self

    def button(self, label: str) -> Locator:
        return self.form.get_by_role("button", name=label, exact=True)

    def buttons(self, label: str) -> list[Locator]:
        return [self.button(label), self.form.get_by_role("link", name="Cancel")]

    def confirm(self, label: str) -> None:
        self.button(label).click()


def tab_to(page: Page, control: Locator, *, backwards: bool = False) -> None:
    """Press Tab until the control has the focus. Fails where it never gets it."""
    expect(control).to_be_visible()
    for _ in range(MOST_STOPS):
        if control.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"Tab never reaches {control}")
