"""Whether the server lives, whether it is ready, and its metrics."""

from fastapi import APIRouter, Response

from copilot.api.access import MetricsDep, ServicesDep
from copilot.api.schemas import CheckResult, Health, Readiness

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
    """How every dependency is, as it was asked in the background a moment ago; 503 when one is gone.

    What is not required makes the service `degraded`, not unready: suggestions go on without it.
    """
    readiness = services.vitals.readiness
    states = readiness.states
    if not readiness.ready:
        response.status_code = 503
    return Readiness(
        ready=readiness.ready,
        degraded=[state.name for state in states if not state.ok and not state.required],
        checks={
            state.name: CheckResult(
                ok=state.ok,
                required=state.required,
                since=state.since,
                milliseconds=state.milliseconds,
                problem=state.problem,
            )
            for state in states
        },
    )


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(metrics: MetricsDep) -> Response:
    """Prometheus' text format."""
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
