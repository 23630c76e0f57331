"""What may be done to answer one question: reads run, changes are proposed, every step is shown.

Planner and model use the same desk, so both are held to the same bounds. Tenant, customer and person come
from the conversation and the principal; a model cannot name them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from copilot.assist.collaborators import Assessment, Searcher, ToolDesk
from copilot.assist.provenance import Sources, origins_of
from copilot.assist.redaction import Masker
from copilot.domain.access import Principal
from copilot.domain.actions import Action, PolicyDecision, Provenance, ToolEffect, ToolResult
from copilot.domain.asking import AskLimits, AskRequest, ToolReply, ToolSpec
from copilot.domain.assist import AskStep, AskStepKind
from copilot.domain.commerce import Customer, Order
from copilot.domain.errors import CopilotError, PolicyDenied
from copilot.domain.knowledge import ScoredPassage, SearchQuery, SearchResult
from copilot.ports import EventBus
from copilot.prompts import data_block

SEARCH = "search_knowledge"
_COMPUTED = frozenset({"calculate", "transfer_to_human_agents"})
"""Tools whose answer is made of their arguments: not a fact of the order system."""
_PASSAGES = 5
_LONGEST_DETAIL = 300
_SEARCH_SPEC = ToolSpec(
    name=SEARCH,
    description="Search the company's knowledge base: policies, products, how-to. Returns quoted passages.",
    effect=ToolEffect.READ,
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["query"],
        "properties": {"query": {"type": "string", "minLength": 1, "maxLength": 300}},
    },
)


class AskDesk:
    """For one question. Implements the port `AskTools`."""

    def __init__(
        self,
        principal: Principal,
        request: AskRequest,
        *,
        tools: ToolDesk,
        search: Searcher,
        bus: EventBus,
        limits: AskLimits,
    ) -> None:
        self.principal = principal
        self.request = request
        self.tools = tools
        self.masker = Masker()
        self.sources = Sources.of(request.conversation, request.question, request.hint)
        self.results: list[ToolResult] = []
        self.passages: dict[str, ScoredPassage] = {}
        self.answerable = False
        self.confidence = 0.0
        self.proposals: dict[str, Action] = {}
        self.decisions: list[tuple[str, PolicyDecision]] = []
        """(preview, decision) of each call that policy has decided, in the order asked."""
        self.customer: Customer | None = None
        self.orders: dict[str, Order] = {}
        self._search = search
        self._bus = bus
        self._limits = limits
        self._steps = 0
        self._one_at_a_time = asyncio.Lock()  # a model may call in parallel, and bounds must hold
        self._specs = {s.name: s for s in (*tools.specs(), _SEARCH_SPEC)}

    # ------------------------------------------------------------ for a model

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(self._specs.values())

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolReply:
        """One call of a model, one at a time; personal data are put back in, and masked in the reply."""
        async with self._one_at_a_time:
            return await self._call(name, arguments)

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> ToolReply:
        if self._steps >= self._limits.steps:
            return ToolReply(
                ok=False, text="No more tool calls for this question. Answer with what you have."
            )
        spec = self._specs.get(name)
        if spec is None:
            return await self._no_such_tool(name)
        arguments = _mapped(dict(arguments), self.masker.unmask)
        try:
            if name == SEARCH:
                return await self._search_for_model(arguments)
            if spec.effect is ToolEffect.READ:
                return self._reply(await self.read(name, arguments))
            return await self._propose_for_model(name, arguments)
        except CopilotError as error:
            kind = AskStepKind.READ if spec.effect is ToolEffect.READ else AskStepKind.PROPOSE
            await self._step(kind, name, ok=False, detail=error.told)
            return self._told(ok=False, text=error.told)

    async def _no_such_tool(self, name: str) -> ToolReply:
        await self._step(AskStepKind.READ, name[:64], ok=False, detail="There is no such tool.")
        return ToolReply(ok=False, text=f"There is no such tool. Tools: {', '.join(self._specs)}.")

    async def _search_for_model(self, arguments: Mapping[str, Any]) -> ToolReply:
        query = str(arguments.get("query", "")).strip()[:300]
        found = await self.find(query)
        if not found.passages:
            return ToolReply(ok=True, text="Nothing was found.")
        blocks = [
            f"{s.document.title}, version {s.document.version}:\n{s.passage.text}" for s in found.passages
        ]
        return self._told(ok=True, text="\n\n".join(blocks), tag="passages")

    async def _propose_for_model(self, name: str, arguments: Mapping[str, Any]) -> ToolReply:
        try:
            action = await self.propose(name, arguments, origins_of(arguments, self.sources))
        except PolicyDenied as error:
            return self._told(ok=False, text=f"Policy does not allow it: {error.message}")
        decided = action.decision.outcome.value.replace("_", " ")
        return self._told(
            ok=True,
            text=f"Proposed, not done: {action.preview}. Policy: {decided} ({action.decision.reason}). "
            "The representative decides.",
        )

    def _reply(self, result: ToolResult) -> ToolReply:
        if not result.ok:
            return self._told(ok=False, text=result.error or "It failed.")
        return self._told(ok=True, text=json.dumps(result.data, ensure_ascii=False))

    def _told(self, *, ok: bool, text: str, tag: str = "result") -> ToolReply:
        bounded = text[: self._limits.result_characters]
        return ToolReply(ok=ok, text=data_block(self.masker.mask(bounded), tag))

    # ------------------------------------------------------------ for the planner too

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Runs a READ tool through the executor; a refusal is a result that is not `ok`."""
        result = await self.tools.read(self.principal, self.request.conversation, tool, arguments)
        self.results.append(result)
        if result.ok:
            self._learn(result)
        detail = _in_words(result) if result.ok else result.error or "It failed."
        await self._step(AskStepKind.READ, tool, ok=result.ok, detail=detail, call_id=result.call.id)
        return result

    async def find(self, text: str, as_of: date | None = None) -> SearchResult:
        """Passages, internal ones too: the answer is for the representative."""
        query = SearchQuery(
            tenant_id=self.request.conversation.tenant_id,
            text=text or "?",
            as_of=as_of or self.request.today,
            limit=_PASSAGES,
        )
        found = await self._search.search(query)
        for scored in found.passages:
            self.passages.setdefault(scored.passage.id, scored)
            self.sources.add_knowledge(scored.passage.text)
        self.answerable = self.answerable or found.answerable
        self.confidence = max(self.confidence, found.confidence)
        titles = ", ".join(dict.fromkeys(s.document.title for s in found.passages)) or "nothing"
        await self._step(AskStepKind.SEARCH, SEARCH, ok=bool(found.passages), detail=f"Found {titles}.")
        return found

    async def assess(self, tool: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What policy says to a call; None when the call makes no sense for this order. Proposes nothing."""
        try:
            assessment = await self.tools.assess(self.principal, self.request.conversation, tool, arguments)
        except CopilotError as error:
            await self._step(AskStepKind.POLICY, tool, ok=False, detail=error.told)
            return None
        await self.decided(tool, assessment.preview, assessment.decision)
        return assessment

    async def peek(self, tool: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """As `assess`, but no step is shown: for one of many tries."""
        try:
            return await self.tools.assess(self.principal, self.request.conversation, tool, arguments)
        except CopilotError:
            return None

    async def decided(self, tool: str, preview: str, decision: PolicyDecision) -> None:
        self.decisions.append((preview, decision))
        await self._step(AskStepKind.POLICY, tool, ok=True, detail=f"{preview}: {decision.reason}")

    async def propose(
        self, tool: str, arguments: Mapping[str, Any], provenance: Mapping[str, Provenance]
    ) -> Action:
        """A proposal that waits for a person. `PolicyDenied`, and whatever is wrong with the arguments."""
        try:
            action = await self.tools.propose(
                self.principal, self.request.conversation, tool, arguments, provenance
            )
        except PolicyDenied as error:
            if error.decision is not None:
                self.decisions.append((tool.replace("_", " "), error.decision))
            await self._step(AskStepKind.PROPOSE, tool, ok=False, detail=error.message)
            raise
        await self.proposed(action)
        return action

    async def proposed(self, action: Action) -> None:
        """Shows a proposal that is there now."""
        self.decisions.append((action.preview, action.decision))
        if action.id not in self.proposals:
            self.proposals[action.id] = action
            await self._publish(action)
        await self._step(
            AskStepKind.PROPOSE, action.call.tool, ok=True, detail=action.preview, action_id=action.id
        )

    # ------------------------------------------------------------ parts

    def _learn(self, result: ToolResult) -> None:
        spec = self._specs.get(result.call.tool)
        if spec is None or spec.outside:
            self.sources.add_knowledge(json.dumps(result.data, ensure_ascii=False))
            return
        if result.call.tool not in _COMPUTED:
            self.sources.add_facts(result.data)
        if isinstance(found := result.data.get("customer"), dict):
            self.customer = Customer.model_validate(found)
            # From here on the name is masked too.
            self.masker.add_names({self.customer.last_name: "NAME"})
        if isinstance(found := result.data.get("order"), dict):
            order = Order.model_validate(found)
            self.orders[order.id] = order

    async def _step(self, kind: AskStepKind, tool: str, *, ok: bool, detail: str, **ids: str) -> None:
        self._steps += 1
        await self._publish(
            AskStep(
                ask_id=self.request.ask_id,
                number=self._steps,
                kind=kind,
                tool=tool,
                ok=ok,
                detail=detail[:_LONGEST_DETAIL],
                **ids,
            )
        )

    async def _publish(self, data: AskStep | Action) -> None:
        conversation = self.request.conversation
        await self._bus.publish(conversation.tenant_id, conversation.id, conversation.revision, data)


def _in_words(result: ToolResult) -> str:
    if isinstance(order := result.data.get("order"), dict):
        return f"Order {order.get('id')}: {order.get('status')}."
    if isinstance(customer := result.data.get("customer"), dict):
        orders = len(customer.get("order_ids", ()))
        return f"{customer.get('first_name')} {customer.get('last_name')}, {orders} orders."
    return "Found."


def _mapped(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {k: _mapped(v, change) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(v, change) for v in value]
    return value
