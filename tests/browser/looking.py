"""What can be wrong with a page whatever it shows: for those who do not see well, or on a phone."""

from collections.abc import Iterator
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.chromium import DESKTOP, PHONE

BAD = ("serious", "critical")

# What is known and left as it is: (rule, part of the selector, why).
EXCUSED: tuple[tuple[str, str, str], ...] = ()

_STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


def faults(page: Page, *, darkness: bool = True) -> list[str]:
    """Of the page that is open: on a desk and on a phone, in light and mostly dark too."""
    page.add_style_tag(content=_STILL)
    page.evaluate(AXE_SCRIPT)
    found = []
    for size, where in ((DESKTOP, "desktop"), (PHONE, "phone")):
        page.set_viewport_size(size)
        for dark in (False, True) if darkness else (False,):
            page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", dark)
            # In the dark only colours differ.
            rules = ["color-contrast"] if dark else None
            found += [
                f"{where}, {'dark' if dark else 'light'}: {one}" for one in _axe_on(page, rules)
            ]
        found += _sideways(page, where)
    return found


def too_wide(page: Page) -> list[str]:
    """Only whether the page that is open scrolls sideways, on a desk and on a phone."""
    found = []
    for size, where in ((DESKTOP, "desktop"), (PHONE, "phone")):
        page.set_viewport_size(size)
        found += _sideways(page, where)
    return found


def _sideways(page: Page, where: str) -> list[str]:
    out = _sticks_out(page)
    return [f"{where}: the page scrolls sideways: {out}"] if out else []


def _axe_on(page: Page, rules: list[str] | None) -> Iterator[str]:
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = rules
    result = page.evaluate("options => axe.run(document, options)", options)
    for violation in result["violations"]:
        if violation["impact"] not in BAD:
            continue
        for node in violation["nodes"]:
            selector = " ".join(str(part) for part in node["target"])
            if any(rule == violation["id"] and part in selector for rule, part, _ in EXCUSED):
                continue
            says = "; ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
            yield f"{violation['id']} {selector}: {says[:200]} {node['html'][:160]}"


def _sticks_out(page: Page) -> str:
    """What is wider than the window; empty where nothing is."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return "";
            const out = [...document.querySelectorAll("body *")].filter(
                (one) => one.getBoundingClientRect().right > width + 1);
            const where = out.slice(0, 3).map(
                (one) => one.outerHTML.replace(/\\s+/g, " ").slice(0, 120));
            return `${document.documentElement.scrollWidth} px: ${where.join(" ... ")}`;
        }"""
    )
