"""How often somebody may ask, over API, console and MCP together."""

from copilot.domain.access import Principal
from copilot.domain.errors import TooManyRequests
from copilot.ports import RateLimiter


async def within_rate(rates: RateLimiter, principal: Principal) -> None:
    """`TooManyRequests` when there is none left for now."""
    await _take(rates, f"{principal.tenant_id}:{principal.id}", "this key has asked too often")


async def within_rate_of_address(rates: RateLimiter, address: str) -> None:
    """For what nobody is signed in for yet. Behind a proxy that hides addresses, all are one."""
    await _take(rates, f"address:{address}", "too many have tried to sign in")


async def _take(rates: RateLimiter, key: str, message: str) -> None:
    wait = await rates.take(key)
    if wait > 0:
        raise TooManyRequests(
            message,
            retry_after=wait,
            hint=f"Ask again in {wait:.1f} s, or have COPILOT_REQUESTS_PER_MINUTE raised.",
        )
