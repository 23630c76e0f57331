"""What of the console each role finds in the menu: a page is shown to whoever has its scope."""

from dataclasses import dataclass

from copilot.domain.access import Principal, Scope


@dataclass(frozen=True)
class Item:
    title: str
    path: str
    scope: Scope


@dataclass(frozen=True)
class Group:
    title: str
    items: tuple[Item, ...]


MENU = (
    Group(
        "Conversations",
        (
            Item("Inbox", "/inbox", Scope.CONVERSATIONS_WRITE),
            Item("Live", "/console/live", Scope.ALERTS_READ),
            Item("Approvals", "/console/approvals", Scope.ACTIONS_APPROVE_ABOVE_LIMIT),
            Item("Ledger", "/console/ledger", Scope.LEDGER_READ),
            Item("Audit", "/console/audit", Scope.AUDIT_READ),
            Item("Adoption and speed", "/console/adoption", Scope.ACTIVITY_READ),
        ),
    ),
    Group(
        "Knowledge",
        (
            Item("Documents", "/console/documents", Scope.KNOWLEDGE_READ),
            Item("Search tester", "/console/search", Scope.KNOWLEDGE_READ),
            Item("Upload", "/console/upload", Scope.KNOWLEDGE_WRITE),
            Item("Sources", "/console/sources", Scope.KNOWLEDGE_WRITE),
            Item("Jobs", "/console/jobs", Scope.KNOWLEDGE_WRITE),
            Item("Gaps", "/console/gaps", Scope.KNOWLEDGE_WRITE),
            Item("Lint", "/console/lint", Scope.KNOWLEDGE_WRITE),
            Item("Kept out", "/console/quarantine", Scope.KNOWLEDGE_WRITE),
        ),
    ),
    Group(
        "Rules",
        (
            Item("Policies", "/console/policies", Scope.KNOWLEDGE_WRITE),
            Item("Playbooks", "/console/playbooks", Scope.KNOWLEDGE_WRITE),
        ),
    ),
    Group("Evaluation", (Item("Reports", "/console/reports", Scope.EVALUATION_RUN),)),
    Group("Administration", (Item("Personal data", "/console/privacy", Scope.PRIVACY_MANAGE),)),
)


def menu_of(principal: Principal) -> list[Group]:
    """The groups with what the principal may open; empty groups are left out."""
    groups = (
        Group(group.title, tuple(item for item in group.items if principal.may(item.scope))) for group in MENU
    )
    return [group for group in groups if group.items]


def first_page(principal: Principal) -> str:
    """Where somebody lands who has just signed in: the first page of the console itself that is theirs."""
    paths = [item.path for group in menu_of(principal) for item in group.items]
    return next((path for path in paths if path.startswith("/console/")), "/inbox")
