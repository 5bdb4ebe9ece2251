"""Screenshots of every page and state, and an axe-core check of each: python web/dev/shots.py OUT [name…].

Development only. Needs the built dashboard, Playwright's Python package and a Chromium (CHROMIUM, /usr/bin/chromium).
"""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
AXE = HERE.parent / "node_modules/axe-core/axe.min.js"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": (360, 780), "tablet": (768, 1024), "desk": (1440, 900)}

# name: (address, size, scheme, language, server arguments, what to do first)
SHOTS: dict[str, tuple] = {}
for _page in ("now", "bill"):
    for _size in SIZES:
        for _scheme in ("light", "dark"):
            for _language in ("ko", "en"):
                SHOTS[f"{_page}-{_size}-{_scheme}-{_language}"] = (
                    f"#/{_page}?site=1",
                    _size,
                    _scheme,
                    _language,
                    (),
                    None,
                )
for _name, _site in {
    "long": 2,
    "zero": 3,
    "small": 4,
    "large": 5,
    "solar": 6,
    "silent": 7,
    "gaps": 8,
    "factory": 9,
}.items():
    SHOTS[f"now-{_name}"] = (f"#/now?site={_site}", "phone", "light", "ko", (), None)
    SHOTS[f"bill-{_name}"] = (f"#/bill?site={_site}", "phone", "light", "ko", (), None)
SHOTS |= {
    "bill-closed": ("#/bill?site=8&date=2026-10-05", "phone", "dark", "ko", (), None),
    "bill-closed-desk": ("#/bill?site=8&date=2026-10-05", "desk", "light", "en", (), None),
    "empty": ("#/now", "phone", "light", "ko", ("--scene", "empty"), None),
    "empty-en-dark": ("#/now", "desk", "dark", "en", ("--scene", "empty"), None),
    "error": ("#/now", "phone", "light", "ko", ("--scene", "error"), None),
    "loading": ("#/now", "phone", "light", "ko", ("--scene", "slow"), None),
    "loading-bill": ("#/bill", "desk", "dark", "ko", ("--scene", "slow"), None),
    "token": ("#/now", "phone", "light", "ko", ("--token", "let-me-in"), None),
    "now-opened": ("#/now?site=1", "phone", "light", "ko", (), "open"),
    "now-table": ("#/now?site=8", "phone", "dark", "ko", (), "table"),
    "now-crosshair": ("#/now?site=1", "phone", "light", "ko", (), "hover"),
    "bill-opened": ("#/bill?site=5", "phone", "light", "ko", (), "open"),
    "bill-opened-en": ("#/bill?site=1", "desk", "dark", "en", (), "open"),
    "bill-table": ("#/bill?site=5", "phone", "light", "en", (), "table"),
    "bill-kwh": ("#/bill?site=1", "phone", "light", "ko", (), "kwh"),
    "bill-crosshair": ("#/bill?site=1", "phone", "dark", "ko", (), "hover"),
    "bill-print": ("#/bill?site=8", "desk", "light", "ko", (), "print"),
}


def act(page, what: str | None) -> None:
    closed = {"open": "button[aria-expanded=false]", "table": "button[aria-pressed=false]"}.get(what or "")
    if closed:
        while page.locator(closed).count():
            page.locator(closed).first.click()
    elif what == "kwh":
        page.get_by_text("kWh로 보기").click()
    elif what == "print":
        page.emulate_media(media="print")
    elif what == "hover":
        plot = page.locator("[role=slider]").first
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 90)
    page.wait_for_timeout(300)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def served(arguments: tuple[str, ...]) -> tuple[subprocess.Popen, int]:
    port = free_port()
    server = subprocess.Popen([sys.executable, str(HERE / "fake_api.py"), "--port", str(port), *arguments])
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.1)
    raise SystemExit("the fake server did not start")


def main(out: Path, wanted: list[str]) -> int:
    out.mkdir(parents=True, exist_ok=True)
    chosen = {n: s for n, s in SHOTS.items() if not wanted or any(re.search(w, n) for w in wanted)}
    servers: dict[tuple, tuple] = {}
    bad = 0
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS
            )
            for name, (address, size, scheme, language, arguments, what) in chosen.items():
                if arguments not in servers:
                    servers[arguments] = served(arguments)
                width, height = SIZES[size]
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    device_scale_factor=2 if size == "phone" else 1,
                    color_scheme=scheme,
                    locale="ko-KR" if language == "ko" else "en-US",
                    bypass_csp=False,
                )
                page = context.new_page()
                said: list[str] = []
                page.on(
                    "console",
                    lambda m, said=said: said.append(m.text) if m.type in ("error", "warning") else None,
                )
                page.on("pageerror", lambda e, said=said: said.append(str(e)))
                page.goto(f"http://127.0.0.1:{servers[arguments][1]}/{address}")
                page.wait_for_timeout(1600)
                act(page, what)
                page.screenshot(path=out / f"{name}.png", full_page=True)
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if wide > 0:
                    said.append(f"{wide} px wider than the screen")
                found = page.evaluate(AXE.read_text() + "; axe.run().then(r => r.violations)")
                said += [
                    f"axe {v['impact']}: {v['id']} {[n['target'] for n in v['nodes']][:4]} {v['nodes'][0].get('failureSummary', '')[:300]}"
                    for v in found
                ]
                said = [s for s in said if not re.search("401|503", s)]
                print(name, *said, sep="\n  ")
                bad += bool(said)
                context.close()
            browser.close()
    finally:
        for server, _ in servers.values():
            server.terminate()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
