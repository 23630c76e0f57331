"""Whether the server lives, whether it is ready, and its metrics."""

import asyncio
import time

from fastapi import APIRouter, Response

from copilot.api.access import MetricsDep, ServicesDep
from copilot.api.schemas import CheckResult, Health, Readiness
from copilot.api.services import Check
from copilot.domain.errors import CopilotError

_CHECK_SECONDS = 2.0

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="get_health")
async def get_health() -> Health:
    """Answers as long as the process lives."""
    return Health()


@router.get(
    "/readyz",
    operation_id="get_readiness",
    responses={503: {"model": Readiness, "description": "A dependency does not answer"}},
)
async def get_readiness(services: ServicesDep, response: Response) -> Readiness:
    """Asks every dependency; 503 when one does not answer."""
    names = list(services.checks)
    results = await asyncio.gather(*(_result(services.checks[name]) for name in names))
    readiness = Readiness(ready=all(r.ok for r in results), checks=dict(zip(names, results, strict=True)))
    if not readiness.ready:
        response.status_code = 503
    return readiness


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(metrics: MetricsDep) -> Response:
    """Prometheus' text format."""
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _result(check: Check) -> CheckResult:
    started = time.perf_counter()
    problem = None
    try:
        await asyncio.wait_for(check(), _CHECK_SECONDS)
    except TimeoutError:
        problem = f"no answer within {_CHECK_SECONDS:g} s"
    except CopilotError as error:
        problem = error.message
    except Exception as error:  # noqa: BLE001 - any failure means: not ready; details stay inside
        problem = type(error).__name__
    return CheckResult(
        ok=problem is None, milliseconds=round((time.perf_counter() - started) * 1000, 2), problem=problem
    )
