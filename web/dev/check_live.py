"""Does an open page live through what happens to a server? python web/dev/check_live.py. Development only.

A killed and restarted server, one that hangs, and deltas that go missing: all without reloading the page.
"""

import os
import signal
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright
from shots import FLAGS, HERE, free_port


def start(port: int, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(HERE / "fake_api.py"), "--port", str(port), *arguments])


def badge(page, text: str, within_s: int) -> None:
    begun = time.monotonic()
    page.wait_for_function(
        "text => document.querySelector('header [role=status]')?.textContent.includes(text)",
        arg=text,
        timeout=within_s * 1000,
    )
    print(f"{text!r} after {time.monotonic() - begun:.1f} s")


def opened_with_a_token(browser) -> None:
    """A token typed in opens the HTTP answers and the live socket, and is still known after a reload."""
    port = free_port()
    server = start(port, "--token", "let-me-in")
    time.sleep(2)
    try:
        page = browser.new_page(locale="ko-KR")
        page.goto(f"http://127.0.0.1:{port}/")
        for token in ("wrong", "let-me-in"):
            page.get_by_label("접근 토큰").fill(token)
            page.keyboard.press("Enter")
            page.wait_for_timeout(700)
        badge(page, "실시간", 10)
        page.reload()
        badge(page, "실시간", 10)
    finally:
        server.kill()


def main() -> None:
    port = free_port()
    server = start(port)
    time.sleep(2)
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS
            )
            page = browser.new_page(locale="ko-KR")
            failed: list[str] = []
            page.on("pageerror", lambda error: failed.append(str(error)))
            page.goto(f"http://127.0.0.1:{port}/#/now?site=1")
            badge(page, "실시간", 10)
            page.evaluate("window.notReloaded = true")

            server.send_signal(signal.SIGSTOP)
            badge(page, "소식이 없어요", 20)
            server.send_signal(signal.SIGCONT)
            badge(page, "실시간", 20)

            server.kill()
            server.wait()
            badge(page, "다시 연결", 5)
            server = start(port, "--drop")
            badge(page, "실시간", 25)
            sockets: list[str] = []
            page.on("websocket", lambda socket: sockets.append(socket.url))
            page.wait_for_timeout(25_000)
            print(f"{len(sockets)} reconnections for missing deltas in 25 s")
            badge(page, "실시간", 10)
            if not sockets or failed or not page.evaluate("window.notReloaded"):
                raise SystemExit(f"sockets {sockets}, errors {failed}")
            opened_with_a_token(browser)
            browser.close()
    finally:
        server.kill()


if __name__ == "__main__":
    main()
