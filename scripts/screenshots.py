"""The pictures of README and docs: the pages in a real Chromium. Usage: screenshots.py OUT.

Now and Bill are those of a fresh demo; Meters is that of a fresh server which a three-phase meter talks to.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Page, sync_playwright

SHOTS = {
    "now-ko-light-360": ("now", 360, 800, "ko-KR", "light"),
    "now-en-dark-360": ("now", 360, 800, "en-GB", "dark"),
    "bill-ko-light-360": ("bill", 360, 800, "ko-KR", "light"),
    "now-en-light-1440": ("now", 1440, 900, "en-GB", "light"),
    "bill-en-dark-1440": ("bill", 1440, 900, "en-GB", "dark"),
}
METERS = {
    "add-a-meter-en-light-1440": ("Add", 1440, 900, "en-GB", "light"),
    "add-a-meter-ko-light-360": ("더하기", 360, 1300, "ko-KR", "light"),
}
READ_MS = 300_000
"""The demo's last day is read before its parts are told"""
METER = "shellypro3em-dcb4d9c564f4"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with running("demo", "--port", "0") as at:
        take(at["http"], out)
    with running("serve", "--port", "0", "--mqtt-port", "0") as at, talking(at["mqtt"]):
        take_meters(at["http"], out)


@contextmanager
def running(*words: str) -> Iterator[dict[str, str]]:
    """A chowon command over a folder of its own, and where it is."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "chowon", *words, "--data", folder, "--json"]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert program.stdout is not None
            yield json.loads(program.stdout.readline())
        finally:
            program.terminate()
            program.wait(30)


@contextmanager
def talking(address: str) -> Iterator[None]:
    """A Shelly Pro 3EM, whose second clamp sits the wrong way round, once a second."""
    host, _, port = address.rpartition(":")
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect(host, int(port))
    client.loop_start()
    stop = threading.Event()

    def talk() -> None:
        watts = {"a": 412.6, "b": -1184.2, "c": 96.3}
        while not stop.is_set():
            status = {f"{phase}_act_power": power for phase, power in watts.items()}
            status |= {f"{phase}_voltage": 221.4 for phase in watts}
            status["total_act_power"] = round(sum(watts.values()), 1)
            told = {"src": METER, "method": "NotifyStatus", "params": {"ts": time.time(), "em:0": status}}
            client.publish(f"{METER}/events/rpc", json.dumps(told), qos=1)
            stop.wait(1)

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        yield
    finally:
        stop.set()
        talker.join()
        client.disconnect()
        client.loop_stop()


def take(address: str, out: Path) -> None:
    for name, (page_name, *look) in SHOTS.items():
        with opened(f"{address}/#/{page_name}", *look) as page:
            page.locator("h1.hero-figure .value").wait_for()
            if page_name == "now":
                page.locator("button.chip").first.wait_for(timeout=READ_MS)
            page.wait_for_timeout(3000)
            page.screenshot(path=out / f"{name}.png")


def take_meters(address: str, out: Path) -> None:
    for name, (add, *look) in METERS.items():
        with opened(f"{address}/#/meters", *look) as page:
            page.get_by_role("button", name=add).click()
            page.locator("form .sum").wait_for()
            page.wait_for_timeout(3000)
            page.locator("h1").click()  # takes the focus away
            page.screenshot(path=out / f"{name}.png")


@contextmanager
def opened(address: str, width: int, height: int, locale: str, scheme: str) -> Iterator[Page]:
    """A page in a browser of this look."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme=scheme,
            device_scale_factor=2 if width < 700 else 1,
        )
        page = context.new_page()
        page.goto(address)
        yield page
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
