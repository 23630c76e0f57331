"""Who is calling, and what they may do."""

from datetime import datetime
from enum import StrEnum

from copilot.domain.errors import NotPermitted
from copilot.domain.value import Value


class Role(StrEnum):
    REPRESENTATIVE = "representative"
    SUPERVISOR = "supervisor"
    KNOWLEDGE_MANAGER = "knowledge_manager"
    ML_ENGINEER = "ml_engineer"
    INTEGRATION = "integration"
    ADMIN = "admin"


class Scope(StrEnum):
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    CUSTOMERS_UNLOCK = "customers:unlock"
    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    ACTIONS_READ = "actions:read"
    ACTIONS_APPROVE = "actions:approve"
    ACTIONS_APPROVE_ABOVE_LIMIT = "actions:approve_above_limit"
    ALERTS_READ = "alerts:read"
    LEDGER_READ = "ledger:read"
    ACTIVITY_READ = "activity:read"
    AUDIT_READ = "audit:read"
    EVALUATION_RUN = "evaluation:run"
    WIDGET_MINT = "widget:mint"
    PRIVACY_MANAGE = "privacy:manage"


_DESK = {
    Scope.CONVERSATIONS_READ,
    Scope.CONVERSATIONS_WRITE,
    Scope.KNOWLEDGE_READ,
    Scope.ACTIONS_READ,
    Scope.ACTIONS_APPROVE,
}

SCOPES_OF_ROLE: dict[Role, frozenset[Scope]] = {
    Role.REPRESENTATIVE: frozenset(_DESK),
    Role.SUPERVISOR: frozenset(
        _DESK
        | {
            Scope.ACTIONS_APPROVE_ABOVE_LIMIT,
            Scope.CUSTOMERS_UNLOCK,
            Scope.LEDGER_READ,
            Scope.ALERTS_READ,
            Scope.ACTIVITY_READ,
        }
    ),
    Role.KNOWLEDGE_MANAGER: frozenset({Scope.KNOWLEDGE_READ, Scope.KNOWLEDGE_WRITE}),
    Role.ML_ENGINEER: frozenset(
        {Scope.CONVERSATIONS_READ, Scope.KNOWLEDGE_READ, Scope.EVALUATION_RUN, Scope.ACTIVITY_READ}
    ),
    # A CRM's server or webhook: it brings conversations and lets its people in, and decides nothing itself.
    Role.INTEGRATION: frozenset(
        {Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE, Scope.KNOWLEDGE_READ, Scope.WIDGET_MINT}
    ),
    Role.ADMIN: frozenset(Scope),
}


class Principal(Value):
    """An authenticated caller: every row and query carries its tenant.

    Only before `until`, where what it came with ends by itself. With a `conversation_id` it came with a
    widget token: it may do what its role may in that conversation alone.
    """

    id: str
    tenant_id: str
    name: str
    role: Role
    conversation_id: str | None = None
    until: datetime | None = None

    def may(self, scope: Scope) -> bool:
        return scope in SCOPES_OF_ROLE[self.role]


def require(principal: Principal, scope: Scope) -> None:
    """`NotPermitted` for a role without the scope."""
    if not principal.may(scope):
        raise NotPermitted(
            f"A {principal.role.value} may not do this ({scope.value}).", hint="Ask a colleague."
        )


class ApiKey(Value):
    """What may be known of an API key after it was shown once: never the key itself."""

    prefix: str
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def key_prefix(key: str) -> str:
    """The part of an API key `cop_<prefix>_<secret>` that may be shown."""
    return key.split("_", 2)[1]


class ConsoleSession(Value):
    """One browser that is signed in to the console, as it is kept: neither its cookie nor the key.

    `key_prefix` names the API key that it began with. It ends at `ends_at`, whatever happens.
    """

    id: str
    principal: Principal
    key_prefix: str | None
    signed_in_at: datetime
    seen_at: datetime
    ends_at: datetime
    notices: tuple[str, ...] = ()

    @property
    def tenant_id(self) -> str:
        return self.principal.tenant_id


class CompanySignIn(Value):
    """Where a public client sends people to sign in, and fetches their tokens. Nothing of it is secret."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    scopes: tuple[str, ...]


class WidgetToken(Value):
    """Opens one conversation for one person until `expires_at`; shown once, to the CRM's server."""

    token: str
    conversation_id: str
    expires_at: datetime
