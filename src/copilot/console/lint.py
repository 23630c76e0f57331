"""What is wrong with the knowledge: contradictions, copies, stale pages, links to nothing."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from copilot.console.forms import choice
from copilot.console.page import PageDep
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.care import LintCheck, Severity

router = page_router("lint", Scope.KNOWLEDGE_WRITE)
_PER_PAGE = 50


@router.get("")
async def lint(
    page: PageDep,
    *,
    run: bool = False,
    check: Annotated[str, Query(max_length=30)] = "",
    start: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The page; with `run`, what the checks find now."""
    wanted = choice(LintCheck, check, "The check")
    report = None
    if run:
        checks = frozenset(LintCheck) if wanted is None else frozenset({wanted})
        report = await page.services.care.lint.run(page.tenant_id, checks=checks)
    findings = report.findings if report else ()
    return page.render(
        "lint/_report.html" if page.by_htmx else "lint/show.html",
        report=report,
        findings=findings[start : start + _PER_PAGE],
        following=start + _PER_PAGE if start + _PER_PAGE < len(findings) else None,
        checks=list(LintCheck),
        check=check,
        severities=list(Severity),
    )
