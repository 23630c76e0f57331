"""What is wrong with the knowledge: contradictions, copies, stale pages, links to nothing."""

from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import Response

from copilot.console.forms import choice
from copilot.console.page import Page, PageDep
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.care import LintCheck, Severity

router = page_router("lint", Scope.KNOWLEDGE_WRITE)
_PER_PAGE = 50


@router.get("")
async def show_lint(page: PageDep, start: Annotated[int, Query(ge=0)] = 0) -> Response:
    """What the checks found last, or how they get on; the part that changes, for a page that asks again."""
    return _shown(page, "lint/_report.html" if page.by_htmx else "lint/show.html", start)


@router.post("")
async def run_lint(page: PageDep, check: Annotated[str, Form(max_length=30)] = "") -> Response:
    wanted = choice(LintCheck, check, "The check")
    checks = frozenset(LintCheck) if wanted is None else frozenset({wanted})
    page.services.care.lint_runs.start(page.tenant_id, checks)
    return page.go("/console/lint")


@router.post("/stop")
async def stop_lint(page: PageDep) -> Response:
    await page.services.care.lint_runs.stop(page.tenant_id)
    return page.go("/console/lint", "Stopped. What was found before stays.")


def _shown(page: Page, template: str, start: int) -> Response:
    run = page.services.care.lint_runs.last(page.tenant_id)
    findings = run.report.findings if run and run.report else ()
    return page.render(
        template,
        run=run,
        findings=findings[start : start + _PER_PAGE],
        following=start + _PER_PAGE if start + _PER_PAGE < len(findings) else None,
        checks=list(LintCheck),
        severities=list(Severity),
    )
