"""A website, a Zendesk Guide, a Chatwoot portal and a JSON feed on loopback, in their published payloads."""

import gzip
import hashlib
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response


@dataclass
class Site:
    """Pages by path; `answers` are given first, one for each request of their path."""

    pages: dict[str, str] = field(default_factory=dict)
    robots: str | None = None
    answers: dict[str, list[Response]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    sitemaps: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def asked(self, path: str) -> list[dict[str, str]]:
        return [headers for seen, headers in self.seen if seen == path]


def website(site: Site) -> FastAPI:
    app = FastAPI()

    @app.get("/{path:path}")
    async def any_page(path: str, request: Request):
        path = f"/{path}"
        site.seen.append((path, dict(request.headers)))
        return _special(site, path, request) or _page(site, path, request)

    return app


def _special(site: Site, path: str, request: Request) -> Response | None:
    if waiting := site.answers.get(path):
        return waiting.pop(0)
    if path == "/robots.txt":
        return Response(site.robots or "", 200 if site.robots is not None else 404, media_type="text/plain")
    if path in site.redirects:
        return RedirectResponse(site.redirects[path], 302)
    if path in site.sitemaps:
        body = site.sitemaps[path].replace("{base}", str(request.base_url).rstrip("/")).encode()
        return Response(gzip.compress(body) if path.endswith(".gz") else body, media_type="application/xml")
    return None


def _page(site: Site, path: str, request: Request) -> Response:
    if path not in site.pages:
        return Response("not here", 404)
    body = site.pages[path].encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type="text/html; charset=utf-8", headers={"ETag": tag})


def urlset(*paths: str) -> str:
    places = "".join(f"<url><loc>{{base}}{path}</loc></url>" for path in paths)
    return (
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{places}</urlset>'
    )


def sitemap_index(*paths: str) -> str:
    places = "".join(f"<sitemap><loc>{{base}}{path}</loc></sitemap>" for path in paths)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{places}</sitemapindex>'


@dataclass
class Guide:
    """A Zendesk help centre that gives `size` items a page, whatever is asked for."""

    articles: list[dict] = field(default_factory=list)
    sections: list[dict] = field(default_factory=list)
    categories: list[dict] = field(default_factory=list)
    size: int = 2
    answers: list[Response] = field(default_factory=list)
    """Given instead, one for each request for articles."""
    authorizations: list[str | None] = field(default_factory=list)


def zendesk_article(number: int, title: str, body: str, **more) -> dict:
    return {
        "id": number,
        "url": f"https://acme.zendesk.com/api/v2/help_center/en-us/articles/{number}.json",
        "html_url": f"https://acme.zendesk.com/hc/en-us/articles/{number}",
        "author_id": 1,
        "comments_disabled": True,
        "draft": False,
        "promoted": False,
        "position": 0,
        "vote_sum": 0,
        "vote_count": 0,
        "section_id": 11,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "edited_at": "2026-01-01T00:00:00Z",
        "name": title,
        "title": title,
        "source_locale": "en-us",
        "locale": "en-us",
        "outdated": False,
        "outdated_locales": [],
        "user_segment_id": None,
        "permission_group_id": 2,
        "content_tag_ids": [],
        "label_names": [],
        "body": body,
    } | more


def zendesk(guide: Guide) -> FastAPI:
    app = FastAPI()

    @app.get("/api/v2/help_center/{locale}/{kind}.json")
    async def listing(locale: str, kind: str, request: Request):
        guide.authorizations.append(request.headers.get("authorization"))
        if "page[size]" not in request.query_params:
            return JSONResponse({"error": "offset paging is not what this server tests"}, 400)
        if kind == "articles" and guide.answers:
            return guide.answers.pop(0)
        items = [i for i in getattr(guide, kind) if i.get("locale", locale).lower() == locale.lower()]
        start = int(request.query_params.get("page[after]", "0"))
        end = start + guide.size
        more = end < len(items)
        next_url = (
            f"{request.base_url}api/v2/help_center/{locale}/{kind}.json?page[size]=100&page[after]={end}"
        )
        return {
            kind: items[start:end],
            "meta": {"has_more": more, "after_cursor": str(end), "before_cursor": str(start)},
            "links": {"next": next_url if more else None, "prev": None},
        }

    return app


@dataclass
class Portal:
    """A Chatwoot portal; pages hold `size` articles."""

    articles: list[dict] = field(default_factory=list)
    size: int = 2
    token: str = "cw_secret"  # noqa: S105 - of a server that lives for a test


def chatwoot_article(number: int, title: str, content: str, **more) -> dict:
    return {
        "id": number,
        "slug": f"{number}-{title.lower().replace(' ', '-')}",
        "title": title,
        "content": content,
        "description": "",
        "status": "published",
        "position": number,
        "account_id": 1,
        "updated_at": 1_767_225_600,
        "meta": {},
        "category": {"id": 3, "name": "Returns", "slug": "returns", "locale": "en"},
        "views": 0,
        "author": {"id": 1, "name": "Ana"},
        "associated_articles": [],
    } | more


def chatwoot(portal: Portal) -> FastAPI:
    app = FastAPI()

    @app.get("/api/v1/accounts/{account}/portals/{slug}/articles")
    async def articles(account: int, slug: str, request: Request, page: int = 1, locale: str = "en"):
        if request.headers.get("api_access_token") != portal.token:
            return JSONResponse({"errors": ["You need to sign in or sign up before continuing."]}, 401)
        found = [a for a in portal.articles if a["category"]["locale"] == locale]
        start = (page - 1) * portal.size
        return {
            "payload": found[start : start + portal.size],
            "meta": {"all_articles_count": len(found), "articles_count": len(found), "current_page": page},
        }

    return app


@dataclass
class Feed:
    pages: list[object] = field(default_factory=list)
    token: str | None = None


def feed(kept: Feed) -> FastAPI:
    app = FastAPI()

    @app.get("/articles")
    async def articles(request: Request, page: int = 0):
        if kept.token and request.headers.get("x-api-key") != kept.token:
            return JSONResponse({"error": "no"}, 403)
        more = page + 1 < len(kept.pages)
        return {
            "data": {"articles": kept.pages[page]},
            "links": {"next": f"/articles?page={page + 1}" if more else None},
        }

    return app
