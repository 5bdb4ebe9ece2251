"""Pages in the browser as the tests look at them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
SHOWN_MS = 20_000
"""A page on a busy machine; what is timed is timed apart."""
PHONE, DESK = (360, 780), (1440, 900)
KILLED = "ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket"
"""What a browser says of a server that is killed, between requests or in one"""


@contextmanager
def page_of(
    browser: Browser,
    size: tuple[int, int] = PHONE,
    locale: str = "en-GB",
    scheme: str = "light",
    allowed: str | None = None,
) -> Iterator[Page]:
    """A page that fails the test on any console message that is wrong and not `allowed` (a regex)."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale=locale,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page, wrong = context.new_page(), []
    page.set_default_timeout(SHOWN_MS)
    page.on(
        "console", lambda m: wrong.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page
        unexpected = [w for w in wrong if allowed is None or not re.search(allowed, w)]
        assert not unexpected, unexpected
    finally:
        context.close()


def seen(page: Page, text: str) -> Locator:
    """The first visible place of a text."""
    return page.get_by_text(text).locator("visible=true").first


def well_made(page: Page) -> None:
    """Nothing that axe-core finds wrong, and nothing that scrolls sideways."""
    page.evaluate(AXE.read_text("utf-8"))
    wrong = page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert wrong == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
