"""Plays the demo's conversation up to the refund; takes pictures of the inbox, the panel and the console."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from playwright.async_api import Browser, async_playwright

from copilot.evaluation.live_client import EventFeed, LiveClient

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
RECORDINGS = ROOT / "evals" / "conversations"
ALARMING, REFUND = "legal-threat.yaml", "demo-refund-damaged-lantern.yaml"
CONSOLE = {
    "search": "/console/search?q=How long do I have to return an item?",
    "live": "/console/live",
    "reports": "/console/reports",
}
PORT = 8932
BASE = f"http://127.0.0.1:{PORT}"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]


def main() -> int:
    if BROWSER is None:
        print("There is no chromium. Install it: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="copilot-pictures-") as folder:
        environment = {**os.environ, "COPILOT_DATA_DIR": folder, "COPILOT_PORT": str(PORT)}
        environment["COPILOT_KNOWLEDGE_DIR"] = str(ROOT / "knowledge")
        run(environment, "ingest", str(ROOT / "knowledge"))
        key = run(environment, "keys", "create", "--name", "Robin Reyes", "--quiet").strip()
        admin = run(
            environment, "keys", "create", "--name", "Dana Whitfield", "--role", "admin", "--quiet"
        ).strip()
        evaluate(environment)
        server = subprocess.Popen([sys.executable, "-m", "copilot.cli", "serve"], env=environment)
        try:
            wait_until_ready()
            asyncio.run(take_pictures(key, admin))
        finally:
            server.terminate()
            server.wait(20)
    return 0


def evaluate(environment: dict[str, str]) -> None:
    """Real runs, each over another sample of the cases, so that there is a trend to show."""
    for seed in range(6):
        run(environment, "eval", "run", "personal-data", "--limit", "50", "--seed", str(seed), may_fail=True)


async def take_pictures(key: str, admin: str) -> None:
    await play(key, ALARMING)
    conversation_id = await play(key, REFUND)
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        page = await browser.new_page(viewport={"width": 1360, "height": 1060}, color_scheme="light")
        await page.goto(f"{BASE}/inbox#key={key}")
        await page.locator("#conversations button, #conversations li").first.click()
        panel = page.locator("copilot-panel")
        await panel.get_by_text("Approve", exact=False).first.wait_for()
        await page.wait_for_timeout(500)
        await page.screenshot(path=IMAGES / "inbox.png")
        await page.set_viewport_size({"width": 1360, "height": 2620})
        await page.wait_for_timeout(300)
        await panel.screenshot(path=IMAGES / "panel.png")
        await take_console(browser, admin)
        await browser.close()
    print(f"Took docs/images/inbox.png, panel.png and console-*.png; the panel's is of {conversation_id}.")


async def take_console(browser: Browser, key: str) -> None:
    """Of what knowledge managers, supervisors and ML engineers look at most."""
    page = await browser.new_page(viewport={"width": 1280, "height": 820}, color_scheme="light")
    await page.goto(f"{BASE}/console/sign-in")
    await page.get_by_label("API key").fill(key)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/live")
    for name, path in CONSOLE.items():
        await page.goto(BASE + path)
        await page.wait_for_timeout(300)
        await page.screenshot(path=IMAGES / f"console-{name}.png")


async def play(key: str, name: str) -> str:
    """Says what the recording says until a refund waits for approval."""
    recording = yaml.safe_load((RECORDINGS / name).read_text(encoding="utf-8"))
    async with LiveClient.connect(BASE, key) as client:
        opened = await client.post("/v1/conversations", {"channel": "chat", "subject": recording["title"]})
        path = f"/v1/conversations/{opened['id']}"
        feed = EventFeed(client, opened["id"])
        for turn in recording["turns"]:
            if "approve" in turn:
                break
            if "verify" in turn:
                await client.post(f"{path}/customer", turn["verify"])
            else:
                speaker = "customer" if "customer" in turn else "representative"
                await client.post(f"{path}/turns", {"speaker": speaker, "text": turn[speaker]})
            while (await feed.next(30)).type != "revision.done":
                pass
        await feed.close()
    return str(opened["id"])


def run(environment: dict[str, str], *arguments: str, may_fail: bool = False) -> str:
    command = [sys.executable, "-m", "copilot.cli", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=not may_fail, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def wait_until_ready() -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{BASE}/readyz", timeout=1):  # noqa: S310 - loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the server did not become ready within 60 s")


if __name__ == "__main__":
    sys.exit(main())
