"""Who has read what of customers: ids and never content."""

from datetime import datetime
from enum import StrEnum

from copilot.domain.access import Principal
from copilot.domain.value import Value


class Data(StrEnum):
    """The kinds of customers' data that somebody may be shown."""

    CONVERSATION = "conversation"
    CONVERSATION_LIST = "conversation_list"
    CUSTOMER = "customer"
    ORDER = "order"
    SUGGESTION = "suggestion"
    ACTION = "action"
    ACTION_LIST = "action_list"
    ALERT = "alert"
    SUMMARY = "summary"
    FILLED_REPLY = "filled_reply"
    GAP = "gap"
    SENT_REPLIES = "sent_replies"
    LEDGER = "ledger"
    EVALUATION = "evaluation"
    EXPORT = "export"


class Channel(StrEnum):
    """By which way it was read."""

    API = "api"
    WIDGET = "widget"
    CONSOLE = "console"
    MCP = "mcp"
    COMMAND = "command"


class Read(Value):
    """One person or program was shown something of a customer.

    `actor_id` is the principal's, `route` the template of the address or the tool's name; `subject_id` is
    what the address names besides the conversation (an action, a suggestion). `conversation_id` is None where
    what was read is of none, or of more than can be named.
    """

    id: str
    tenant_id: str
    actor_id: str
    role: str
    channel: Channel
    data: Data
    route: str
    conversation_id: str | None = None
    subject_id: str | None = None
    request_id: str | None = None
    at: datetime


class ReadFilter(Value):
    """Which reads: all that is given must hold. `since` is in, `until` is not."""

    conversation_id: str | None = None
    actor_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def channel_of(principal: Principal) -> Channel:
    return Channel.API if principal.conversation_id is None else Channel.WIDGET
