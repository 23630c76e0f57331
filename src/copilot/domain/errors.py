"""Every error this product raises on purpose.

::

    CopilotError                     code                     HTTP
    ├── InvalidInput                 invalid_input            422   what the caller sent is wrong
    │   ├── TooLarge                 too_large                413
    │   └── UnreadableDocument       unreadable_document      422   a file that cannot become knowledge
    ├── NotFound                     not_found                404
    ├── Conflict                     conflict                 409   true when asked, not any more
    │   ├── ConversationClosed       conversation_closed      409
    │   ├── IdempotencyKeyReused     idempotency_key_reused   422
    │   ├── ActionNotOpen            action_not_open          409   decided, expired or superseded
    │   └── SealBroken               seal_broken              409   what is executed is not what was approved
    ├── NotAuthenticated             not_authenticated        401
    │   └── KeyExpired               api_key_expired          401   it was good once
    ├── NotPermitted                 not_permitted            403
    │   ├── PolicyDenied             policy_denied            403
    │   ├── SecondApproverNeeded     second_approver_needed   403
    │   ├── LimitReached             limit_reached            403   more money than may move
    │   └── CustomerNotVerified      customer_not_verified    403
    │       └── VerificationLocked   verification_locked      403   tried too often
    ├── TooManyRequests              too_many_requests        429
    │   └── Overloaded               overloaded               503   more wait than can be answered
    ├── ToolFailed                   tool_failed              422   the order system said no
    ├── DependencyUnavailable        dependency_unavailable   503   a model, index or order system is down
    │   ├── IndexDamaged             index_damaged            503   an index of our own, to be made again
    │   ├── OutcomeUnknown           outcome_unknown          503   it may or may not have happened
    │   └── RateLimited              rate_limited             503   asked to go slower; nothing was done
    ├── ModelNeeded                  model_needed             422   only a language model can do it
    ├── LedgerUnreadable             ledger_unreadable        500   a stored entry is not as written
    ├── InvalidDraft                 invalid_draft            502   a model's answer does not hold to its form
    │   └── MeaningChanged           meaning_changed          502   other words that do not say the same
    └── ConfigurationError           configuration_error      500   settings, weights, playbooks, policies
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from copilot.domain.actions import PolicyDecision


class CopilotError(Exception):
    """The root: a stable `code`, an HTTP `status`, and a message for a person.

    `message` says what was wrong and where; `hint` says what to do about it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.hint}" if self.hint else ""
        return f"{place}{self.message}{advice}"

    @property
    def told(self) -> str:
        """What anybody may read of it."""
        return str(self)


class InvalidInput(CopilotError):
    code = "invalid_input"
    status = 422


class TooLarge(InvalidInput):
    code = "too_large"
    status = 413


class UnreadableDocument(InvalidInput):
    code = "unreadable_document"


class NotFound(CopilotError):
    code = "not_found"
    status = 404


class Conflict(CopilotError):
    code = "conflict"
    status = 409


class ConversationClosed(Conflict):
    code = "conversation_closed"


class IdempotencyKeyReused(Conflict):
    code = "idempotency_key_reused"
    status = 422


class ActionNotOpen(Conflict):
    code = "action_not_open"


class SealBroken(Conflict):
    code = "seal_broken"


class NotAuthenticated(CopilotError):
    code = "not_authenticated"
    status = 401


class KeyExpired(NotAuthenticated):
    code = "api_key_expired"


class NotPermitted(CopilotError):
    code = "not_permitted"
    status = 403


class TooManyRequests(CopilotError):
    """`retry_after` is how many seconds to wait."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, *, retry_after: float, hint: str = "", where: str = "") -> None:
        super().__init__(message, hint=hint, where=where)
        self.retry_after = retry_after


class PolicyDenied(NotPermitted):
    """`decision` carries the clauses that speak against it."""

    code = "policy_denied"

    def __init__(
        self, message: str, *, hint: str = "", where: str = "", decision: "PolicyDecision | None" = None
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.decision = decision


class SecondApproverNeeded(NotPermitted):
    code = "second_approver_needed"


class LimitReached(NotPermitted):
    code = "limit_reached"


class CustomerNotVerified(NotPermitted):
    code = "customer_not_verified"


class VerificationLocked(CustomerNotVerified):
    code = "verification_locked"


class Overloaded(TooManyRequests):
    code = "overloaded"
    status = 503


class ToolFailed(CopilotError):
    code = "tool_failed"
    status = 422


class NoOrderSystem(ToolFailed):
    code = "no_order_system"


class DependencyUnavailable(CopilotError):
    """`where` it is to be found is for those who run it."""

    code = "dependency_unavailable"
    status = 503

    @property
    def told(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class IndexDamaged(DependencyUnavailable):
    """Only an index in our own process says so: nobody is on the way to it who may be gone for a moment."""

    code = "index_damaged"


class OutcomeUnknown(DependencyUnavailable):
    code = "outcome_unknown"


class RateLimited(DependencyUnavailable):
    """`retry_after` is how many seconds they ask us to wait."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float, hint: str = "", where: str = "") -> None:
        super().__init__(message, hint=hint, where=where)
        self.retry_after = retry_after


class LedgerUnreadable(CopilotError):
    """`sequence` is the place of the first entry that cannot be read as it was written."""

    code = "ledger_unreadable"

    def __init__(self, message: str, *, sequence: int, hint: str = "", where: str = "") -> None:
        super().__init__(message, hint=hint, where=where)
        self.sequence = sequence


class InvalidDraft(CopilotError):
    code = "invalid_draft"
    status = 502


class MeaningChanged(InvalidDraft):
    code = "meaning_changed"


class ModelNeeded(CopilotError):
    code = "model_needed"
    status = 422


class ConfigurationError(CopilotError):
    code = "configuration_error"
