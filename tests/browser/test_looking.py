"""What looks at every page sees what is wrong with one."""

import pytest

from tests.browser.looking import faults

FINE = "<html lang='en'><title>Fine</title><main><h1>Fine</h1>{}</main></html>"


@pytest.mark.parametrize(
    "html, fault",
    [
        ("<input name='reason'>", "desktop, light: label"),
        ("<p style='color: #bbb; background: #fff'>Hardly to be read</p>", "color-contrast"),
        (
            "<style>.dark p { color: #333; background: #222 }</style><p>Not at night</p>",
            "desktop, dark: color-contrast",
        ),
        ("<p style='width: 600px'>Too wide</p>", "phone: the page scrolls sideways"),
        ("<button></button>", "button-name"),
    ],
)
def test_a_fault_is_found(page, html, fault):
    page.set_content(FINE.format(html))

    assert any(fault in one for one in faults(page))


def test_a_page_without_a_fault_has_none(page):
    page.set_content(FINE.format("<label>Reason <input name='reason'></label>"))

    assert faults(page) == []


@pytest.mark.django_db(transaction=True)
def test_another_host_an_error_and_a_violated_policy_are_complained_of(context, site):
    from tests.browser.watching import Watch

    watch = Watch(context, site)
    page = context.new_page()
    page.goto(f"{site}/health/")
    page.set_content(
        "<meta http-equiv='Content-Security-Policy' content=\"script-src 'none'\">"
        "<img src='https://example.org/picture.png'><script>1</script>"
    )
    page.wait_for_timeout(300)

    assert any("asked another host" in one for one in watch.complaints)
    assert any("Content Security Policy" in one for one in watch.complaints)
