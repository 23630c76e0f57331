"""Looking after knowledge: what lint finds, questions that stay unanswered, and who relied on a document."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from copilot.domain.assist import FeedbackVerdict
from copilot.domain.value import Value


class LintCheck(StrEnum):
    """What is looked for; in the order in which it is shown."""

    INJECTION = "injection"
    CONTRADICTION = "contradiction"
    DEAD_LINK = "dead_link"
    STALE = "stale"
    DUPLICATE = "duplicate"
    PASSAGE = "passage"
    NEVER_CITED = "never_cited"


class Severity(StrEnum):
    ERROR = "error"
    """Customers get something wrong, or nothing."""
    WARNING = "warning"
    NOTICE = "notice"


class Place(Value):
    """Where in the knowledge; `text` is the sentence or link that it is about, verbatim."""

    external_id: str
    version: str
    title: str
    source: str = ""
    heading_path: tuple[str, ...] = ()
    passage_id: str | None = None
    text: str = ""


class Finding(Value):
    """One thing to look at. Of two places the first is not the right one: a person decides."""

    check: LintCheck
    severity: Severity
    message: str
    places: tuple[Place, ...] = Field(min_length=1)


class LintProgress(Value):
    """How far the checks are: `done` of `total` passages, or 0 of 0 in a step that counts nothing."""

    step: str
    done: int = 0
    total: int = 0


class LintReport(Value):
    """Findings by check, the graver first; `skipped` says which checks were not run, and why."""

    checked_at: datetime
    documents: int
    passages: int
    findings: tuple[Finding, ...]
    skipped: dict[LintCheck, str] = Field(default_factory=dict)

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)


class LintRun(Value):
    """The last time the checks ran, or how they get on; `report` stays while they run anew."""

    progress: LintProgress | None = None
    report: LintReport | None = None
    problem: str = ""


class QuarantineDecision(Value):
    """A person's word on a document version: into search, or kept out of it.

    A release holds for exactly the text that was looked at; a quarantine holds until it is released.
    """

    released: bool
    by: str
    reason: str = ""
    at: datetime
    text_sha256: str
    """Over title and text."""


class GapStatus(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    DISMISSED = "dismissed"


class NearPassage(Value):
    """A passage that a search for the question brings up."""

    passage_id: str
    external_id: str
    version: str
    title: str
    heading_path: tuple[str, ...] = ()
    text: str
    confidence: float = Field(ge=0, le=1)


class GapCluster(Value):
    """Questions that are one question, asked in different words and not answered."""

    id: str
    tenant_id: str
    question: str
    """The one that is closest to all others, as it was asked, without personal data."""
    count: int = Field(ge=1)
    first_asked_at: datetime
    last_asked_at: datetime
    questions: tuple[str, ...] = ()
    """Some of them, newest first, each wording once."""
    conversation_ids: tuple[str, ...] = ()
    """Those that raised it last, newest first."""
    status: GapStatus = GapStatus.OPEN
    changed_by: str | None = None
    changed_at: datetime | None = None
    nearest: tuple[NearPassage, ...] = ()
    """Found, and not sure enough to be the answer."""
    answered_by: tuple[NearPassage, ...] = ()
    """While it is open: what answers it now. A person says whether it does."""
    searched: str = ""
    """The state of the knowledge that `nearest` and `answered_by` were found in."""


class CitedSentence(Value):
    """A sentence and the quote that it rests on."""

    text: str
    quote: str
    version: str
    clause: str | None = None
    heading_path: tuple[str, ...] = ()
    still_stands: bool = False
    """Whether the version in force today has the quote, verbatim but for white space."""


class CitingReply(Value):
    """A suggestion that a representative sent, as it was or edited."""

    suggestion_id: str
    conversation_id: str
    at: datetime
    verdict: FeedbackVerdict
    sentences: tuple[CitedSentence, ...]


class RelyingConversation(Value):
    """An open conversation whose panel shows the document now, or in which it was sent."""

    conversation_id: str
    subject: str
    updated_at: datetime
    shown_in: tuple[str, ...]
    """"knowledge", "suggestion", "reply"."""
    sentences: tuple[CitedSentence, ...]


class NamedIn(Value):
    """A rule, playbook or saved reply that names the document."""

    kind: str
    id: str
    title: str
    clause: str | None = None


class Impact(Value):
    """Who relied on a document. `present_version` is the one in force on `day`; None: there is none."""

    external_id: str
    version: str | None
    day: date
    present_version: str | None
    replies: tuple[CitingReply, ...]
    """Newest first."""
    open_conversations: tuple[RelyingConversation, ...]
    named_in: tuple[NamedIn, ...]
    more: bool = False
    """Whether there are older replies than those listed."""

    @property
    def outdated(self) -> tuple[CitingReply, ...]:
        """Replies with a quote that does not stand any more."""
        return tuple(r for r in self.replies if not all(s.still_stands for s in r.sentences))
