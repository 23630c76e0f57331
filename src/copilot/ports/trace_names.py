"""Every name of a span or attribute, in one place.

HTTP and GenAI names are OpenTelemetry's semantic conventions (schema 1.43); what has none there begins with
`copilot.`. The GenAI ones are still in development: when they change, they change here.
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

SCHEMA_URL = "https://opentelemetry.io/schemas/1.43.0"

# ---------------------------------------------------------------- spans

TURN = "turn"
"""All the work for one revision of a conversation."""
UNDERSTAND = "understand"
RETRIEVAL = "retrieval knowledge"
EMBED = "retrieval.embed"
KEYWORD = "retrieval.keyword"
DENSE = "retrieval.dense"
LOOK_UP = "retrieval.look_up"
FUSE = "retrieval.fuse"
RERANK = "retrieval.rerank"
ORDERS = "orders"
DRAFT = "draft"
VERIFY = "verify"
NEXT_ACTION = "next_action"
SUMMARY = "summary"
FEEDBACK = "feedback"
ASK = "ask"
PROPOSAL = "proposal"
APPROVAL = "approval"
RECOVERY = "action recovery"
"""What a stop left half-way, driven on later."""
JOB = "job"
MESSAGE = "helpdesk message"
NOTE = "helpdesk note"
RETENTION = "retention"
"""What was old, removed."""

STAGES = (
    UNDERSTAND, RETRIEVAL, EMBED, KEYWORD, DENSE, LOOK_UP, FUSE, RERANK,
    ORDERS, DRAFT, VERIFY, NEXT_ACTION, SUMMARY,
)  # fmt: skip
"""Of the work on a turn, in order."""


def chat(model: str) -> str:
    """The span of one call of a language model."""
    return f"{OPERATION_CHAT} {model}"


def removed(kind: str) -> str:
    """The attribute of a retention's span that says how much of a kind went."""
    return f"copilot.retention.{kind}"


def execute_tool(tool: str) -> str:
    return f"{OPERATION_TOOL} {tool}"


# ---------------------------------------------------------------- attributes: HTTP and errors

HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_SCHEME = "url.scheme"
ERROR_TYPE = "error.type"

# ---------------------------------------------------------------- attributes: GenAI

OPERATION = "gen_ai.operation.name"
OPERATION_CHAT = "chat"
OPERATION_RETRIEVAL = "retrieval"
OPERATION_TOOL = "execute_tool"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
DATA_SOURCE = "gen_ai.data_source.id"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_STREAM = "gen_ai.request.stream"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
OUTPUT_TYPE = "gen_ai.output.type"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"

# ---------------------------------------------------------------- attributes: ours

TENANT = "copilot.tenant.id"
REVISION = "copilot.revision"
REQUEST = "copilot.request.id"
SPEAKER = "copilot.turn.speaker"
INTENT = "copilot.intent"
ANSWERED = "copilot.knowledge.answered"
CONFIDENCE = "copilot.knowledge.confidence"
DRAFTER = "copilot.drafter"
FIRST_SUGGESTION = "copilot.first_suggestion.seconds"
VERDICT = "copilot.feedback.verdict"
EFFECT = "copilot.tool.effect"
TOOL_OUTCOME = "copilot.tool.outcome"
DECISION = "copilot.approval.decision"
ACTION = "copilot.action.id"
ACTION_STATUS = "copilot.action.status"
APPROVAL_WAIT = "copilot.approval.wait.seconds"
JOB_ID = "copilot.job.id"
