"""The README's pictures: the pages of a fresh demo in a real Chromium. Usage: screenshots.py OUT."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

SHOTS = {
    "now-ko-light-360": ("now", 360, 800, "ko-KR", "light"),
    "now-en-dark-360": ("now", 360, 800, "en-GB", "dark"),
    "bill-ko-light-360": ("bill", 360, 800, "ko-KR", "light"),
    "now-en-light-1440": ("now", 1440, 900, "en-GB", "light"),
    "bill-en-dark-1440": ("bill", 1440, 900, "en-GB", "dark"),
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        words = ["demo", "--data", folder, "--port", "0", "--json"]
        demo = subprocess.Popen([sys.executable, "-m", "chowon", *words], stdout=subprocess.PIPE, text=True)
        try:
            assert demo.stdout is not None
            address = json.loads(demo.stdout.readline())["http"]
            take(address, out)
        finally:
            demo.terminate()
            demo.wait(30)


def take(address: str, out: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, (page_name, width, height, locale, scheme) in SHOTS.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                locale=locale,
                color_scheme=scheme,
                device_scale_factor=2 if width < 700 else 1,
            )
            page = context.new_page()
            page.goto(f"{address}/#/{page_name}")
            page.locator("h1.hero-figure .value").wait_for()
            page.wait_for_timeout(3000)
            page.screenshot(path=out / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
