"""Sources that jobs read: a website's sitemap, a Zendesk or Chatwoot help centre, a feed."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Path, Query
from fastapi.responses import Response

from copilot.console.forms import lines
from copilot.console.page import PageDep
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.errors import InvalidInput

router = page_router("sources", Scope.KNOWLEDGE_WRITE)
KINDS = {
    "pages": "Website (sitemap or addresses)",
    "zendesk": "Zendesk help centre",
    "chatwoot": "Chatwoot help centre",
    "feed": "JSON feed",
}
SourceName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
Short = Annotated[str, Form(max_length=2_000)]
Long = Annotated[str, Form(max_length=20_000)]


@router.get("")
async def list_sources(page: PageDep, kind: Annotated[str, Query(max_length=20)] = "pages") -> Response:
    """The sources there are, and a form for another of `kind`."""
    kind = kind if kind in KINDS else "pages"
    if page.by_htmx:
        return page.render("sources/_form.html", kind=kind, kinds=KINDS)
    jobs = await page.services.jobs.list_jobs(page.tenant_id, limit=200)
    last = {job.source: job for job in reversed(jobs) if job.source}
    found = await asyncio.to_thread(page.services.sources.sources, page.tenant_id)
    return page.render("sources/list.html", sources=found, last=last, kind=kind, kinds=KINDS)


@router.post("")
async def add_source(
    page: PageDep,
    name: Short,
    kind: Short,
    url: Short = "",
    sitemaps: Long = "",
    urls: Long = "",
    hosts: Long = "",
    locales: Short = "",
    account: Short = "",
    portal: Short = "",
    items: Short = "",
    next_page: Short = "",
    markup: Short = "",
    fields: Long = "",
    secret: Short = "",
    audience: Short = "",
    product: Short = "",
    owner: Short = "",
) -> Response:
    """Writes the description down; only public addresses are ever read."""
    metadata = {"audience": audience, "product": product, "owner": owner}
    values = {
        "name": name.strip(),
        "kind": kind,
        "url": url.strip(),
        "sitemaps": list(lines(sitemaps)),
        "urls": list(lines(urls)),
        "hosts": list(lines(hosts)),
        "locales": [one.strip() for one in locales.split(",") if one.strip()],
        "account": int(account) if account.isdecimal() else account,
        "portal": portal.strip(),
        "items": items.strip(),
        "next": next_page.strip(),
        "format": markup,
        "fields": _pairs(fields),
        "secret_env": secret.strip(),
        "metadata": {name: value.strip() for name, value in metadata.items() if value.strip()},
    }
    given = {field: value for field, value in values.items() if value}
    source = await asyncio.to_thread(page.services.sources.describe, page.tenant_id, given)
    return page.go("/console/sources", f"Added the source {source.name}. Run it to read it.")


@router.post("/{name}/run")
async def run_source(
    page: PageDep, name: SourceName, *, dry_run: Annotated[bool, Form()] = False
) -> Response:
    job = await page.services.jobs.submit_source(page.tenant_id, page.principal.id, name, dry_run=dry_run)
    return page.go(f"/console/jobs/{job.id}")


@router.post("/{name}/remove")
async def remove_source(page: PageDep, name: SourceName) -> Response:
    await asyncio.to_thread(page.services.sources.forget, page.tenant_id, name)
    return page.go(
        "/console/sources", f"Removed the source {name}. Its documents stay until you remove them."
    )


def _pairs(text: str) -> Mapping[str, Any]:
    """`id: key` on each line."""
    found = {}
    for number, line in enumerate(lines(text), start=1):
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise InvalidInput(
                f"Line {number} of the fields is {line[:60]!r}.", hint="Expected such as id: key."
            )
        found[name.strip()] = value.strip()
    return found
