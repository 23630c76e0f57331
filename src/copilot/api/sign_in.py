"""How a client may sign in: asked before anybody has, so that it needs no key."""

from fastapi import APIRouter, Request

from copilot.api.access import ServicesDep
from copilot.api.schemas import Problem
from copilot.domain.access import CompanySignIn
from copilot.domain.value import Value
from copilot.web.rates import within_rate_of_address

_PROBLEM = {"model": Problem, "content": {"application/problem+json": {}}}
router = APIRouter(prefix="/v1", tags=["sign-in"])


class SignInWays(Value):
    """Besides an API key, which is always taken."""

    company: CompanySignIn | None
    """Authorisation code with PKCE at the company's identity provider, as a public client."""


@router.get(
    "/sign-in",
    operation_id="get_sign_in_ways",
    responses={
        429: {**_PROBLEM, "description": "Asked too often; `Retry-After` says how many seconds to wait"},
        503: {**_PROBLEM, "description": "The identity provider does not answer"},
    },
)
async def get_sign_in_ways(request: Request, services: ServicesDep) -> SignInWays:
    """What the browser extension offers people to sign in with. No API key, and nothing secret."""
    await within_rate_of_address(services.rates, request.client.host if request.client else "")
    offer = services.sign_in_offer
    return SignInWays(company=None if offer is None else await offer.company())
