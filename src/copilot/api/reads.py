"""What each operation shows of customers: every one is in one of two tables, or the app is not made."""

from fastapi import Request

from copilot.api.services import Services
from copilot.domain.access import Principal
from copilot.domain.reads import Data, channel_of

READS = {
    "list_conversations": Data.CONVERSATION_LIST,
    "get_conversation": Data.CONVERSATION,
    "stream_events": Data.CONVERSATION,
    "get_usage": Data.CONVERSATION,
    "ask_question": Data.ORDER,
    "verify_customer": Data.CUSTOMER,
    "hand_over_conversation": Data.SUMMARY,
    "wrap_up_conversation": Data.SUMMARY,
    "fill_macro": Data.FILLED_REPLY,
    "transform_text": Data.SUGGESTION,
    "get_suggestion": Data.SUGGESTION,
    "restore_suggestion": Data.SUGGESTION,
    "list_waiting_actions": Data.ACTION_LIST,
    "get_action": Data.ACTION,
    "approve_action": Data.ACTION,
    "reject_action": Data.ACTION,
    "edit_action": Data.ACTION,
    "resolve_action": Data.ACTION,
    "list_alerts": Data.ALERT,
    "stream_alerts": Data.ALERT,
    "list_knowledge_gaps": Data.GAP,
    "change_knowledge_gap": Data.GAP,
    "get_document_impact": Data.SENT_REPLIES,
    "list_privacy_requests": Data.CUSTOMER,
    "get_privacy_request": Data.CUSTOMER,
    "read_privacy_export": Data.EXPORT,
}
"""Operations whose answers may hold what their caller has not just sent, and it is a customer's."""

_WHAT_WAS_SENT = "answers with what was sent"
_NOTHING = "answers with nothing"
_KNOWLEDGE = "the company's own knowledge"
NO_CUSTOMER_DATA = {
    "open_conversation": _WHAT_WAS_SENT,
    "add_turn": _WHAT_WAS_SENT,
    "show_typing": _NOTHING,
    "report_knowledge_gap": _NOTHING,
    "unlock_customer": _NOTHING,
    "give_feedback": _NOTHING,
    "mint_widget_token": "a token and an id; what it opens is noted when it is read",
    "list_integrations": "numbers and states",
    "list_reads": "ids",
    "propose_privacy_request": "a number and ids",
    **dict.fromkeys(("approve_privacy_request", "reject_privacy_request"), "a number and ids"),
    "get_branding": "a name and a colour",
    "find_macros": "saved replies, not filled in",
    "search_knowledge": _KNOWLEDGE,
    **dict.fromkeys(("start_lint", "get_lint", "stop_lint"), _KNOWLEDGE),
    "list_sources": _KNOWLEDGE,
    **dict.fromkeys(("list_documents", "get_document", "list_passages"), _KNOWLEDGE),
    **dict.fromkeys(("put_document", "put_documents", "upload_document", "upload_documents"), _KNOWLEDGE),
    **dict.fromkeys(("delete_document", "release_document", "quarantine_document"), _KNOWLEDGE),
    **dict.fromkeys(("start_job", "start_upload_job", "list_jobs", "get_job", "cancel_job"), _KNOWLEDGE),
    "stream_job_events": _KNOWLEDGE,
}
"""The others, and why."""
_SUBJECTS = ("action_id", "suggestion_id", "external_id", "request_id")
LISTS = frozenset({Data.CONVERSATION_LIST, Data.ACTION_LIST, Data.ALERT, Data.GAP})


def data_of(operation_id: str | None) -> Data | None:
    """`RuntimeError` for an operation of which nobody has said whether it reads customers' data."""
    if operation_id in READS:
        return READS[operation_id]
    if operation_id in NO_CUSTOMER_DATA:
        return None
    raise RuntimeError(f"say in copilot.api.reads what {operation_id!r} shows of customers")


def note_read(
    request: Request, services: Services, principal: Principal, data: Data, shown: list[str], route: str
) -> None:
    """Once it is answered: of the conversation in the address, or of those that the answer has shown."""
    place = request.path_params
    named = [place["conversation_id"]] if "conversation_id" in place else shown
    services.reads.note(
        principal,
        data,
        channel=channel_of(principal),
        route=f"{request.method} {route}",
        conversation_ids=named,
        subject_id=next((place[name] for name in _SUBJECTS if name in place), None),
        again=data in LISTS,
    )
