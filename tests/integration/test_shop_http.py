"""What a hostile or broken server can do to a request: nothing beyond its own answer."""

import asyncio
import gzip

import pytest
from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response, StreamingResponse
from tests.servers.faults import serving

from copilot.adapters.shop_http import HttpLimits, ShopHttp
from copilot.domain.errors import DependencyUnavailable, OutcomeUnknown

SECRET = "s3cret-4711"  # noqa: S105 - of a server that lives for a test


BOMB = gzip.compress(b"0" * 20_000_000)


async def trickle():
    while True:
        yield b" "
        await asyncio.sleep(0.02)


async def endless():
    while True:
        yield b"x" * 65_536
        await asyncio.sleep(0)


ANSWERS = {
    "hello": lambda: Response('{"what": "hello"}'),
    "redirect": lambda: RedirectResponse("/base/elsewhere"),
    "bomb": lambda: Response(BOMB, headers={"Content-Encoding": "gzip"}),
    "trickle": lambda: StreamingResponse(trickle()),
    "endless": lambda: StreamingResponse(endless()),
    "text": lambda: Response("Oops"),
    "deep": lambda: Response("[" * 100_000),
}


@pytest.fixture
def visited():
    return []


@pytest.fixture
def url(visited):
    app = FastAPI(openapi_url=None)

    @app.api_route("/base/{what}", methods=["GET", "POST"])
    async def answer(what: str):
        visited.append(what)
        return ANSWERS[what]()

    with serving(app) as found:
        yield f"{found}/base"


@pytest.fixture
async def http(url):
    limits = HttpLimits(connect=1.0, total=0.5, answer_bytes=200_000)
    opened = ShopHttp(url, name="The shop", credentials={"Authorization": f"Bearer {SECRET}"}, limits=limits)
    yield opened
    await opened.close()


async def test_a_plain_answer_is_read(http):
    answer = await http.send("GET", "/hello", changes=False)
    assert (answer.status, answer.ok, answer.body) == (200, True, {"what": "hello"})


async def test_a_redirect_is_an_answer_and_never_followed(http, visited):
    answer = await http.send("POST", "/redirect", changes=True)
    assert answer.redirects
    assert visited == ["redirect"]


@pytest.mark.parametrize(
    ("what", "said"), [("bomb", "packed"), ("trickle", "in time"), ("endless", "more than 200,000 bytes")]
)
@pytest.mark.parametrize(("method", "error"), [("GET", DependencyUnavailable), ("POST", OutcomeUnknown)])
async def test_an_answer_without_end_is_given_up(http, what, said, method, error):
    with pytest.raises(DependencyUnavailable, match=said) as raised:
        await http.send(method, f"/{what}", changes=method == "POST")
    assert type(raised.value) is error
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("what", ["text", "deep"])
async def test_what_is_not_json_has_no_body(http, what):
    assert (await http.send("GET", f"/{what}", changes=False)).body is None


async def test_proxies_of_the_environment_are_not_used(http, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fresh = ShopHttp(str(http._base), name="The shop")
    assert (await fresh.send("GET", "/hello", changes=False)).ok
    await fresh.close()
