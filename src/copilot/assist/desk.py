"""The tool desk over the real catalog, approvals and executor."""

from collections.abc import Mapping
from typing import Any

from copilot.assist.collaborators import Assessment
from copilot.domain.access import Principal, Scope, require
from copilot.domain.actions import Action, ActionStatus, Provenance, ToolEffect, ToolResult
from copilot.domain.asking import ToolSpec
from copilot.domain.conversation import Conversation
from copilot.ports import ActionStore
from copilot.tools.approvals import Approvals
from copilot.tools.catalog import IDENTIFYING, Catalog
from copilot.tools.executor import Executor
from copilot.tools.tool import Session


class CatalogDesk:
    """Adds nothing but the session: tenant, customer and person, from where no argument can reach them."""

    def __init__(
        self, catalog: Catalog, approvals: Approvals, executor: Executor, actions: ActionStore
    ) -> None:
        self._catalog = catalog
        self._approvals = approvals
        self._executor = executor
        self._actions = actions

    def effect_of(self, tool: str) -> ToolEffect:
        return self._catalog.get(tool).effect

    def required_arguments(self, tool: str) -> tuple[str, ...]:
        fields = self._catalog.get(tool).arguments.model_fields
        return tuple(name for name, field in fields.items() if field.is_required())

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(
            ToolSpec(
                name=tool.name,
                description=tool.description,
                effect=tool.effect,
                parameters=tool.arguments.model_json_schema(),
                outside=tool.outside,
            )
            for tool in self._catalog
            if tool.name not in IDENTIFYING
        )

    async def read(
        self, principal: Principal, conversation: Conversation, tool: str, arguments: Mapping[str, Any]
    ) -> ToolResult:
        return await self._executor.read(_session(principal, conversation), tool, arguments)

    async def assess(
        self, principal: Principal, conversation: Conversation, tool: str, arguments: Mapping[str, Any]
    ) -> Assessment:
        found = await self._approvals.assess(_session(principal, conversation), tool, arguments)
        return Assessment(decision=found.decision, preview=found.plan.preview, arguments=found.arguments)

    async def propose(
        self,
        principal: Principal,
        conversation: Conversation,
        tool: str,
        arguments: Mapping[str, Any],
        provenance: Mapping[str, Provenance] | None = None,
    ) -> Action:
        session = _session(principal, conversation)
        return await self._approvals.propose(session, tool, arguments, conversation.revision, provenance)

    async def actions(self, conversation: Conversation) -> list[Action]:
        return await self._actions.list_for(conversation.tenant_id, conversation.id)

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action:
        return await self._approvals.approve(principal, action_id, digest)

    async def execute(self, principal: Principal, action_id: str) -> Action:
        return await self._executor.execute(await self._approvals.get(principal, action_id))

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action:
        return await self._approvals.reject(principal, action_id, reason)

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action:
        return await self._approvals.edit(principal, action_id, arguments)

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action:
        require(principal, Scope.ACTIONS_APPROVE_ABOVE_LIMIT)
        before = await self._approvals.get(principal, action_id)
        if before.status is ActionStatus.UNRESOLVED:
            found = await self._executor.reconcile(before.tenant_id, before.id)
            if found.status is not ActionStatus.UNRESOLVED:
                return found
        return await self._approvals.resolve(principal, action_id, outcome, evidence)

    async def recover(self) -> list[Action]:
        return await self._executor.recover()


def _session(principal: Principal, conversation: Conversation) -> Session:
    return Session(
        tenant_id=conversation.tenant_id,
        conversation_id=conversation.id,
        customer_id=conversation.customer_id,
        principal=principal,
    )
