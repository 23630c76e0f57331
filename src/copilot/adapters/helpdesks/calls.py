"""Calls into a helpdesk, with what its statuses mean to us."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from copilot.adapters.shop_http import Answer, ShopHttp, dig
from copilot.domain.errors import ConfigurationError, NotFound, RateLimited, ToolFailed

_UNAUTHORISED, _FORBIDDEN, _MISSING, _GONE, _TOO_MANY, _SERVER_ERROR = 401, 403, 404, 410, 429, 500
_PATIENCE = 60.0
"""Seconds to wait where they do not say how many."""
_LONGEST_WAIT = 3_600.0


async def get(http: ShopHttp, path: str, params: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
    """The JSON of the answer."""
    return _checked(http, await http.send("GET", path, changes=False, params=params), changes=False)


async def write(http: ShopHttp, method: str, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """`OutcomeUnknown` whenever it may have been done all the same."""
    return _checked(http, await http.send(method, path, changes=True, json_body=body), changes=True)


def _checked(http: ShopHttp, answer: Answer, *, changes: bool) -> Any:  # noqa: ANN401
    if answer.ok:
        return answer.body
    said = next(
        (
            dig(answer.body, where)
            for where in ("error.title", "error", "message", "description")
            if dig(answer.body, where)
        ),
        None,
    )
    reason = http.reason(said, f"{http.name} refused (HTTP {answer.status}).")
    if answer.status == _TOO_MANY:
        wait = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
        raise RateLimited(f"{http.name} asks us to go slower.", retry_after=wait, hint="Nothing was done.")
    if answer.status in {_UNAUTHORISED, _FORBIDDEN}:
        raise ConfigurationError(
            f"{http.name} does not accept our key.", hint="Check the integration's secret."
        )
    if answer.status in {_MISSING, _GONE}:
        raise NotFound(reason)
    if answer.redirects or answer.status >= _SERVER_ERROR:
        raise http.trouble(f"answered HTTP {answer.status}", changes=changes)
    raise ToolFailed(reason)


def retry_after(header: str | None, now: datetime) -> float:
    """Seconds, from a `Retry-After` in either of its two forms."""
    if header is None:
        return _PATIENCE
    if header.strip().isdecimal():
        return min(float(header), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(header)
        return min(max((at - now).total_seconds(), 0.0), _LONGEST_WAIT)
    except (TypeError, ValueError):
        return _PATIENCE
