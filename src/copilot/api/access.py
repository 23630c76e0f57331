"""Who is calling, from the API key, and what a route asks of them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from copilot.api.metrics import Metrics
from copilot.api.services import Services
from copilot.domain.access import Principal, Scope
from copilot.domain.errors import NotAuthenticated, NotPermitted
from copilot.web.sse import Permit

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="An API key, a widget token, or a token of the identity provider: `Authorization: Bearer …`.",
)
_DOTS_OF_JWT = 2
_WIDGET_TOKEN = "cwt_"  # noqa: S105 - how they all begin


def services_of(request: Request) -> Services:
    return cast("Services", request.app.state.services)


async def _services_of(request: Request) -> Services:  # async: FastAPI runs plain functions in threads
    return services_of(request)


async def _metrics_of(request: Request) -> Metrics:
    return cast("Metrics", request.app.state.metrics)


async def authenticate(request: Request) -> Principal:
    """The principal of the request's API key, widget token or a person's token; or `NotAuthenticated`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise NotAuthenticated(
            "this address needs an API key", hint="Send the header Authorization: Bearer cop_…"
        )
    services = services_of(request)
    if key.strip().startswith(_WIDGET_TOKEN):
        return services.widget_tokens.principal_of(key.strip())
    if services.person_tokens is not None and key.count(".") == _DOTS_OF_JWT:
        return await services.person_tokens.principal_of(key.strip())
    return await services.api_keys.principal_of(key.strip())


def permit_of(request: Request) -> Permit:
    """For a stream: what its request came with has to stay good."""
    until = cast("Principal", request.state.principal).until
    seconds = None if until is None else (until - services_of(request).clock.now()).total_seconds()
    return Permit(partial(authenticate, request), seconds)


def _requires(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    async def permitted(request: Request, _: Annotated[object, Depends(_bearer)]) -> Principal:
        principal = cast("Principal", request.state.principal)
        if not principal.may(scope):
            raise NotPermitted(
                f"this needs the scope {scope}, which the role {principal.role} does not have",
                hint="Use a key of a role that has it.",
            )
        return principal

    return permitted


ServicesDep = Annotated[Services, Depends(_services_of)]
MetricsDep = Annotated[Metrics, Depends(_metrics_of)]
ConversationReader = Annotated[Principal, Security(_requires(Scope.CONVERSATIONS_READ))]
ConversationWriter = Annotated[Principal, Security(_requires(Scope.CONVERSATIONS_WRITE))]
CustomerUnlocker = Annotated[Principal, Security(_requires(Scope.CUSTOMERS_UNLOCK))]
AlertReader = Annotated[Principal, Security(_requires(Scope.ALERTS_READ))]
AuditReader = Annotated[Principal, Security(_requires(Scope.AUDIT_READ))]
KnowledgeReader = Annotated[Principal, Security(_requires(Scope.KNOWLEDGE_READ))]
KnowledgeWriter = Annotated[Principal, Security(_requires(Scope.KNOWLEDGE_WRITE))]
ActionReader = Annotated[Principal, Security(_requires(Scope.ACTIONS_READ))]
ActionApprover = Annotated[Principal, Security(_requires(Scope.ACTIONS_APPROVE))]
PrivacyManager = Annotated[Principal, Security(_requires(Scope.PRIVACY_MANAGE))]
ActionSupervisor = Annotated[Principal, Security(_requires(Scope.ACTIONS_APPROVE_ABOVE_LIMIT))]
