"""What each page shows of customers: every one is in one of two tables, or the app is not made."""

from fastapi import Request

from copilot.console.page import Page
from copilot.domain.reads import Channel, Data

READS = {
    "GET /console/live": Data.CONVERSATION_LIST,
    "GET /console/live/alerts": Data.ALERT,
    "GET /console/live/{conversation_id}": Data.CONVERSATION,
    "GET /console/approvals": Data.ACTION_LIST,
    "POST /console/approvals/{action_id}/approve": Data.ACTION,
    "POST /console/approvals/{action_id}/reject": Data.ACTION,
    "GET /console/ledger": Data.LEDGER,
    "GET /console/gaps": Data.GAP,
    "POST /console/gaps/{gap_id}": Data.GAP,
    "GET /console/documents/{external_id}/impact": Data.SENT_REPLIES,
    "GET /console/reports/{run_id}": Data.EVALUATION,
    "GET /console/privacy": Data.CUSTOMER,
    "GET /console/privacy/exports/{request_id}/document": Data.EXPORT,
}
"""Pages that may show what is a customer's."""

_KNOWLEDGE = "the company's own knowledge"
_RULES = "the company's own rules, tried on what is typed in or on their worked examples"
_NOTHING = "leads to another page"
NO_CUSTOMER_DATA = {
    "GET /console": _NOTHING,
    "POST /console/sign-out": _NOTHING,
    "GET /console/{path}": "says that there is no such page",
    "GET /console/audit": "ids",
    "POST /console/privacy": _NOTHING,
    "POST /console/privacy/{kind}/{request_id}/approve": _NOTHING,
    "POST /console/privacy/{kind}/{request_id}/reject": _NOTHING,
    "GET /console/adoption": "numbers",
    "GET /console/reports": "figures of runs",
    "POST /console/ledger/verify": "whether the chain holds",
    **dict.fromkeys(("GET /console/documents", "GET /console/documents/{external_id}"), _KNOWLEDGE),
    "POST /console/documents/{external_id}/keep-out": _NOTHING,
    "POST /console/documents/{external_id}/release": _NOTHING,
    "POST /console/documents/{external_id}/remove": _NOTHING,
    **dict.fromkeys(("GET /console/search", "GET /console/quarantine"), _KNOWLEDGE),
    **dict.fromkeys(("GET /console/upload", "POST /console/upload"), _KNOWLEDGE),
    **dict.fromkeys(("GET /console/jobs", "GET /console/jobs/{job_id}"), _KNOWLEDGE),
    **dict.fromkeys(("GET /console/jobs/{job_id}/events", "POST /console/jobs/{job_id}/cancel"), _KNOWLEDGE),
    **dict.fromkeys(("GET /console/sources", "POST /console/sources"), _KNOWLEDGE),
    **dict.fromkeys(("POST /console/sources/{name}/run", "POST /console/sources/{name}/remove"), _KNOWLEDGE),
    **dict.fromkeys(("GET /console/lint", "POST /console/lint", "POST /console/lint/stop"), _KNOWLEDGE),
    **{
        address: _RULES
        for kind in ("policies", "playbooks")
        for address in (
            f"GET /console/{kind}",
            f"GET /console/{kind}/{{name}}",
            f"POST /console/{kind}/{{name}}/try",
            f"POST /console/{kind}/{{name}}/put-in-force",
            f"POST /console/{kind}/{{name}}/restore",
            f"GET /console/new-{kind}",
        )
    },
}
"""The others, and why."""
_SUBJECTS = ("action_id", "external_id", "run_id", "request_id")
_LISTS = frozenset({Data.CONVERSATION_LIST, Data.ACTION_LIST, Data.GAP})


def data_of(method: str, path: str) -> Data | None:
    """`RuntimeError` for a page of which nobody has said whether it shows customers' data."""
    address = f"{method} {path}"
    if address in READS:
        return READS[address]
    if address in NO_CUSTOMER_DATA:
        return None
    raise RuntimeError(f"say in copilot.console.reads what {address!r} shows of customers")


def note_read(
    request: Request, page: Page, data: Data, shown: list[str], path: str, *, by_itself: bool
) -> None:
    """Once it is answered; `by_itself`: an open page has asked, not a person."""
    place = request.path_params
    page.services.reads.note(
        page.principal,
        data,
        channel=Channel.CONSOLE,
        route=f"{request.method} {path}",
        conversation_ids=[place["conversation_id"]] if "conversation_id" in place else shown,
        subject_id=next((place[name] for name in _SUBJECTS if name in place), None),
        again=by_itself or data in _LISTS,
    )
