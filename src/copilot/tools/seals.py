"""Keyed seals: an approval that was not given through this server cannot be made to look as if it was."""

import hashlib
import hmac
from collections.abc import Iterable

from copilot.domain.actions import Action, Approval, PolicyOutcome

_PURPOSE = b"copilot approval seal v1"
_TWO = 2


class Seals:
    """Seals approvals with the server's secret, and checks them against it and earlier ones.

    The secret is never used itself: each key is derived from one for this purpose alone.
    """

    def __init__(self, secret: bytes, *, earlier: Iterable[bytes] = ()) -> None:
        current = _key(secret)
        self._current = _key_id(current)
        self._keys = {_key_id(key): key for key in (*map(_key, earlier), current)}

    def seal(self, action: Action, approval: Approval) -> Approval:
        """`approval` with its seal, under the current key."""
        named = approval.model_copy(update={"key_id": self._current, "seal": ""})
        return named.model_copy(update={"seal": self._over(action, named)})

    def fits(self, action: Action, approval: Approval) -> bool:
        """Whether a key of this server sealed exactly this approval of exactly this call."""
        if approval.key_id not in self._keys:
            return False
        return hmac.compare_digest(approval.seal.encode(), self._over(action, approval).encode())

    def problem(self, action: Action) -> str | None:
        """Why the approvals do not cover what is stored; None when they do."""
        if (problem := self.forgery(action)) is not None:
            return problem
        if len(action.approvals) < _needed(action):
            return "An approval is missing."
        return None

    def forgery(self, action: Action) -> str | None:
        """The same while a second approval may still be missing."""
        if not hmac.compare_digest(action.digest.encode(), action.compute_digest().encode()):
            return "The action is not the one that was proposed."
        if len({a.approver_id for a in action.approvals}) != len(action.approvals):
            return "One person has approved twice."
        if not all(self.fits(action, approval) for approval in action.approvals):
            return "A seal does not fit the action."
        return None

    def _over(self, action: Action, approval: Approval) -> str:
        content = action.sealed_content(approval)
        return hmac.new(self._keys[approval.key_id], content, hashlib.sha256).hexdigest()


def _needed(action: Action) -> int:
    """What policy asks for now, and no less than it asked for when somebody approved: that is sealed."""
    now = _TWO if action.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR else 1
    return max([now, *(approval.needed for approval in action.approvals)])


def _key(secret: bytes) -> bytes:
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"id" + key).hexdigest()[:12]
