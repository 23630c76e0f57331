"""Somebody of one tenant, signed in to the console, on every page and form with another's right names."""

import random
import re

import httpx
from tests.tenants.intruder import Findings, Loot, answer_of

from copilot.console.reads import NO_CUSTOMER_DATA, READS

_ENDS_THE_SESSION = "POST /console/sign-out"
_SIGN_IN = "/console/sign-in"


class Trespasser:
    """Tries what `copilot.console.reads` lists, which is every page there is."""

    def __init__(self, loot: Loot, dice: random.Random) -> None:
        self._loot = loot
        self._dice = dice
        pages = dict.fromkeys((*READS, *NO_CUSTOMER_DATA))
        self._pages = [tuple(page.split(" ")) for page in pages if page != _ENDS_THE_SESSION]
        self._csrf = ""

    async def sign_in(self, client: httpx.AsyncClient, key: str) -> None:
        self._csrf = _csrf_of(await client.get(_SIGN_IN))
        opened = await client.post(_SIGN_IN, data={"key": key, "csrf": self._csrf})
        assert opened.status_code == httpx.codes.SEE_OTHER, opened.text
        self._csrf = _csrf_of(await client.get(opened.headers["location"]))

    async def attack(self, client: httpx.AsyncClient, requests: int) -> Findings:
        """Every page comes in turn; `client` is signed in, and follows no redirects."""
        found = Findings()
        for number in range(requests):
            method, path = self._pages[number % len(self._pages)]
            found.take(f"{method} {path}", *await answer_of(client, self._request(client, method, path)))
        return found

    def _request(self, client: httpx.AsyncClient, method: str, path: str) -> httpx.Request:
        dice = self._dice
        address = re.sub(r"{(\w+)}", lambda name: self._named(name[1]), path)
        headers = {"HX-Request": "true"} if dice.random() < 0.5 else {}
        if method == "GET":
            query = {"q": dice.choice(self._loot.words), "status": "all", "cursor": self._named("cursor")}
            some = {name: value for name, value in query.items() if dice.random() < 0.5}
            return client.build_request(method, address, params=some, headers=headers)
        form = {"csrf": self._csrf, **self._fields()}
        files = {"files": ("a.md", b"# A\n\nB.")} if path.endswith("/upload") else None
        return client.build_request(method, address, data=form, files=files, headers=headers)

    def _named(self, name: str) -> str:
        return self._dice.choice(self._loot.of.get(name) or self._loot.of["external_id"])

    def _fields(self) -> dict[str, str]:
        """What some form or other has; a form takes its own."""
        dice = self._dice
        return {
            "name": self._named("name"),
            "kind": dice.choice(["pages", "feed", *self._loot.of["kind"]]),
            "url": "https://help.example.com",
            "urls": "https://help.example.com/a",
            "version": dice.choice(["", "1", "2026-01"]),
            "status": dice.choice(["", "open", "solved"]),
            "reason": dice.choice(self._loot.words),
            "digest": "0" * 64,
            "base": "",
            "earlier": "0" * 64,
            "text": "rules: []\n",
            "checked": "true",
            "customer": dice.choice(["", "cus_striped"]),
            "said": "",
            "check": "",
            "dry_run": dice.choice(["true", "false"]),
        }


def _csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, f"{page.url} answered {page.status_code} without a form"
    return found[1]
