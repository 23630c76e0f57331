"""Requests and the few responses that are not domain values. Requests refuse unknown fields."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from copilot.api.text import NonBlank, Text
from copilot.domain.asking import MAX_QUESTION_CHARACTERS
from copilot.domain.assist import FeedbackVerdict
from copilot.domain.care import Finding, GapStatus, LintCheck, LintProgress, LintRun
from copilot.domain.conversation import MAX_TURN_CHARACTERS, Channel, Speaker
from copilot.domain.helpdesk import ExternalContact
from copilot.domain.knowledge import Audience, Citation, ScoredPassage
from copilot.domain.privacy import PrivacyKind, PrivacyRequest, PrivacyStatus
from copilot.domain.transforms import Transform
from copilot.domain.value import Value

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"
MAX_DOCUMENT_CHARACTERS = 900_000


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenConversation(_Request):
    """A new conversation with the customer that the CRM names.

    `customer_verified` says that the CRM has authenticated them, so their orders may be looked up at once.
    Otherwise the e-mail proves who they are only together with an order number.
    """

    channel: Channel = Channel.CHAT
    subject: Annotated[Text, Field(max_length=500)] = ""
    customer_email: (
        Annotated[Text, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None
    ) = None
    customer_verified: bool = False


class AddTurn(_Request):
    """One message, as it was sent; or, of a voice transcript, an utterance as far as it was heard.

    With `final: false` it is shown and may be replaced: by what is heard next of the same `utterance_id`,
    and at last by the turn, which comes with `final: true` and the same `utterance_id`.
    """

    speaker: Speaker
    text: Annotated[
        NonBlank, Field(max_length=MAX_TURN_CHARACTERS, examples=["Where is my order LF-1004820?"])
    ]
    final: bool = True
    utterance_id: Annotated[str, Field(pattern=_ID, max_length=200)] | None = None

    @model_validator(mode="after")
    def _partial_of_something(self) -> Self:
        if not self.final and self.utterance_id is None:
            raise ValueError("a turn that is not final needs an utterance_id, by which it is replaced")
        return self


class Typing(_Request):
    """What somebody has written so far and not sent; empty when they took it back."""

    speaker: Speaker = Speaker.CUSTOMER
    text: Annotated[Text, Field(max_length=MAX_TURN_CHARACTERS, examples=["Where is my ord"])]


class VerifyCustomer(_Request):
    """What proves who the customer is: e-mail and order number, or full name and ZIP code."""

    email: Annotated[Text, Field(max_length=254)] | None = None
    order_id: Annotated[Text, Field(max_length=64)] | None = None
    first_name: Annotated[Text, Field(max_length=100)] | None = None
    last_name: Annotated[Text, Field(max_length=100)] | None = None
    zip: Annotated[Text, Field(max_length=20)] | None = None

    @model_validator(mode="after")
    def _one_whole_proof(self) -> Self:
        by_order = (self.email, self.order_id)
        by_name = (self.first_name, self.last_name, self.zip)
        if not ((all(by_order) and not any(by_name)) or (all(by_name) and not any(by_order))):
            raise ValueError("expected email and order_id, or first_name, last_name and zip")
        return self


class AskQuestion(_Request):
    """What a representative wants to know; `hint` is what they have in mind ("offer the voucher")."""

    question: Annotated[
        NonBlank, Field(max_length=MAX_QUESTION_CHARACTERS, examples=["Can this be refunded?"])
    ]
    hint: Annotated[Text, Field(max_length=MAX_QUESTION_CHARACTERS)] = ""


class ReportGap(_Request):
    """A question that the knowledge base does not answer, as a representative puts it."""

    question: Annotated[NonBlank, Field(max_length=2_000, examples=["Do you ship to the Azores?"])]


class HandOverConversation(_Request):
    """Who takes over, as the CRM names them, and why."""

    to: Annotated[NonBlank, Field(max_length=200, examples=["Supervisors"])]
    reason: Annotated[Text, Field(max_length=2_000, examples=["Asks for more than I may approve."])] = ""


class ExternalConversation(OpenConversation):
    """What the CRM calls a conversation, and what it knows of it."""

    id: Annotated[str, Field(pattern=_ID, max_length=200, examples=["chatwoot:567"])]

    def as_contact(self) -> ExternalContact:
        return ExternalContact(
            external_id=self.id,
            channel=self.channel,
            subject=self.subject,
            customer_email=self.customer_email,
            customer_verified=self.customer_verified,
        )


class RepresentativeNamed(_Request):
    """A person of the CRM. Give the id they have elsewhere: approvals and the ledger know people by it."""

    id: Annotated[str, Field(pattern=_ID, max_length=200, examples=["usr_robin-reyes"])]
    name: Annotated[NonBlank, Field(max_length=200, examples=["Robin Reyes"])]


class MintWidgetToken(_Request):
    """Which conversation, by our id or by the CRM's, and for whom."""

    conversation_id: Annotated[str, Field(pattern=_ID, max_length=200)] | None = None
    external: ExternalConversation | None = None
    representative: RepresentativeNamed | None = None

    @model_validator(mode="after")
    def _one_conversation(self) -> Self:
        if (self.conversation_id is None) == (self.external is None):
            raise ValueError("expected either conversation_id or external")
        return self


class WrapUpConversation(_Request):
    """Nothing to say: the wrap-up is written from the conversation."""


class GiveFeedback(_Request):
    """What became of a suggestion; `final_text` is what was sent instead."""

    verdict: FeedbackVerdict
    final_text: Annotated[Text, Field(max_length=MAX_TURN_CHARACTERS)] | None = None
    reason: Annotated[Text, Field(max_length=2_000)] | None = None


class TransformText(_Request):
    """A text of the representative's, or a suggestion, and how to say it; `language` is for `translate`."""

    how: Transform
    text: Annotated[NonBlank, Field(max_length=MAX_TURN_CHARACTERS)] | None = None
    suggestion_id: Annotated[str, Field(pattern=_ID, max_length=200)] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$", examples=["de"])] | None = None

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if (self.text is None) == (self.suggestion_id is None):
            raise ValueError("expected either text or suggestion_id")
        return self


class ApproveAction(_Request):
    """`digest` is the one of the action as it was shown: nothing else gets approved."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RejectAction(_Request):
    reason: Annotated[Text, Field(max_length=2_000)] = ""


class EditAction(_Request):
    """The whole new arguments; they make a new action, which replaces this one and needs its own approval."""

    arguments: dict[str, Any] = Field(min_length=1, examples=[{"amount": "25.00"}])


class ResolveAction(_Request):
    """What became of an unresolved action, and how that is known."""

    outcome: Literal["succeeded", "failed"]
    evidence: Annotated[
        NonBlank, Field(max_length=2_000, examples=["Refund 7718 in the provider's console, 23 November."])
    ]


class SearchKnowledge(_Request):
    query: Annotated[NonBlank, Field(max_length=10_000, examples=["How long do I have to return a tent?"])]
    history: tuple[Annotated[NonBlank, Field(max_length=MAX_TURN_CHARACTERS)], ...] = Field(
        default=(), max_length=50, description="Turns before it, oldest first, that the query leans on."
    )
    rewrite: bool = Field(
        default=True, description="Let the language model, if one is configured, put the history in."
    )
    as_of: date | None = Field(default=None, description="Search what was in force on that day.")
    audiences: frozenset[Audience] = frozenset(Audience)
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] | None = None
    product: Annotated[Text, Field(max_length=200)] | None = None
    tags: frozenset[Annotated[Text, Field(max_length=100)]] = frozenset()
    limit: int = Field(default=5, ge=1, le=50)


class FoundPassage(ScoredPassage):
    """A passage with the sentence that answers best, quoted with its place in the document."""

    quote: Citation | None
    stale: bool
    """Past its review date, superseded, or not in force any more."""


class FoundKnowledge(Value):
    """Passages, best first. `answerable` is False when the knowledge base does not hold the answer."""

    passages: tuple[FoundPassage, ...]
    answerable: bool
    confidence: float = Field(ge=0, le=1)


class LintState(Value):
    """The checks' last report, and how they get on when they run anew.

    `progress` is null when none run, `problem` says why the last run came to no end. The report's own fields
    are null until there is one: no findings yet is not the same as none.
    """

    progress: LintProgress | None
    problem: str
    checked_at: datetime | None = None
    documents: int | None = None
    passages: int | None = None
    findings: tuple[Finding, ...] | None = None
    skipped: dict[LintCheck, str] | None = None

    @classmethod
    def of(cls, run: LintRun) -> Self:
        report = dict(run.report) if run.report else {}
        return cls(progress=run.progress, problem=run.problem, **report)


class DocumentMetadata(_Request):
    """Fields of a document other than its text; see KnowledgeDocument."""

    version: Annotated[str, Field(pattern=_ID, max_length=50)] = "1"
    audience: Audience = Audience.PUBLIC
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en"
    product: Annotated[Text, Field(max_length=200)] | None = None
    kind: Annotated[str, Field(pattern=_ID, max_length=50)] = "article"
    tags: tuple[Annotated[NonBlank, Field(max_length=100)], ...] = ()
    owner: Annotated[Text, Field(max_length=200)] | None = None
    review_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    superseded_by: Annotated[str, Field(pattern=_ID, max_length=200)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to is before valid_from")
        return self


class PutDocument(_Request):
    """A whole document in Markdown; it replaces the same version of the same external id."""

    title: Annotated[NonBlank, Field(max_length=300)]
    text: Annotated[NonBlank, Field(max_length=MAX_DOCUMENT_CHARACTERS, examples=["# Returns\n\n30 days."])]
    metadata: DocumentMetadata = DocumentMetadata()


class BulkDocument(PutDocument):
    """One line of a bulk request."""

    external_id: Annotated[str, Field(pattern=_ID, max_length=200)]


class StartJob(_Request):
    """`source` is the name of a configured source; with `dry_run` the report says what would happen."""

    source: Annotated[str, Field(pattern=_ID, max_length=100, examples=["help-centre"])]
    dry_run: bool = False


class ChangeGap(_Request):
    status: GapStatus


class ReleaseDocument(_Request):
    """Why it may be searched after all."""

    reason: Annotated[Text, Field(max_length=500)] = ""


class QuarantineDocument(_Request):
    """Why it is kept out of search."""

    reason: Annotated[NonBlank, Field(max_length=500, examples=["prices are being checked"])]


_Item = TypeVar("_Item")


class Page(BaseModel, Generic[_Item]):
    """Some items, and the cursor of those that follow; None after the last page."""

    items: list[_Item]
    next_cursor: str | None = None


class AskForPrivacy(_Request):
    """Whose data: the customer's id in the order system, and what else tells their conversations apart.

    `said` also takes conversations in which it was said, and is what is searched for after an erasure: the
    name, an e-mail address, a phone number, a street.
    """

    customer_id: Annotated[NonBlank, Field(max_length=200, examples=["cus_1042"])]
    said: tuple[Annotated[NonBlank, Field(min_length=4, max_length=200)], ...] = Field(
        default=(), max_length=20, examples=[["jo@example.com"]]
    )


class PrivacyReceipt(BaseModel):
    """A request as it may be kept with an Idempotency-Key: without the customer."""

    id: str
    kind: PrivacyKind
    status: PrivacyStatus
    conversations: int
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, request: PrivacyRequest) -> Self:
        return cls.model_validate(request.model_dump(include=set(cls.model_fields)))


class WebhookTaken(BaseModel):
    """False when it was taken in before, or is nothing for us."""

    new: bool


class FieldProblem(BaseModel):
    """One thing wrong with a request: where (`body.text`) and what was expected there."""

    path: str
    message: str
    code: str


class Problem(BaseModel):
    """RFC 9457 problem details. `code` is stable, `detail` is fit to show, `hint` says what to do."""

    type: str = Field(examples=["urn:copilot:problem:conversation_closed"])
    title: str
    status: int
    detail: str
    code: str
    instance: str
    hint: str | None = None
    where: str | None = None
    errors: list[FieldProblem] | None = None
    trace_id: str | None = Field(default=None, description="Quote it when you report an unexpected error.")


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class CheckResult(BaseModel):
    ok: bool
    required: bool
    since: datetime
    milliseconds: float
    problem: str | None = None


class Readiness(BaseModel):
    """Whether every dependency answers, by name."""

    ready: bool
    degraded: list[str]
    checks: dict[str, CheckResult]
