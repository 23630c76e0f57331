"""Questions under way, at most one for each conversation: a newer question, turn or customer cancels it."""

import asyncio
import logging
from dataclasses import dataclass, field

from copilot.assist.ask import PlaybookAnswerer
from copilot.assist.ask_desk import AskDesk
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.collaborators import Searcher, ToolDesk
from copilot.assist.metering import on_account_of
from copilot.assist.profile import TenantProfile
from copilot.domain.access import Principal
from copilot.domain.asking import MAX_QUESTION_CHARACTERS, AnswerDraft, AskLimits, AskRequest, AskTicket
from copilot.domain.assist import Answer, Degraded
from copilot.domain.conversation import Conversation
from copilot.domain.errors import CopilotError, InvalidInput, TooLarge
from copilot.domain.playbook import Playbook
from copilot.ports import Clock, EventBus, Ids
from copilot.ports import trace_names as names
from copilot.ports.tracing import traced

_log = logging.getLogger(__name__)
_PATIENCE_WITH_CANCELLED = 2.0
_UNSUPPORTED = "Nothing in the order or the knowledge base supports what the model said."


@dataclass(frozen=True)
class AskParts:
    """What answering needs; `llm` None: the playbook planner alone."""

    tools: ToolDesk
    search: Searcher
    bus: EventBus
    clock: Clock
    ids: Ids
    planner: PlaybookAnswerer
    llm: LlmAnswerer | None = None
    limits: AskLimits = field(default_factory=AskLimits)


class Asks:
    """One per process. `ask` answers at once; steps and the answer come as events of the conversation."""

    def __init__(self, parts: AskParts) -> None:
        self._parts = parts
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(
        self,
        principal: Principal,
        conversation: Conversation,
        question: str,
        hint: str,
        *,
        profile: TenantProfile,
        topic: Playbook | None,
    ) -> AskTicket:
        """Cancels the question before it. `InvalidInput` for an empty one, `TooLarge` for a long one."""
        _require_question(question, hint)
        await self.cancel(conversation.id)
        request = AskRequest(
            ask_id=self._parts.ids.new("ask"),
            conversation=conversation,
            question=question.strip(),
            hint=hint.strip(),
            company=profile.voice.company,
            today=self._parts.clock.now().date(),
        )
        work = self._work(principal, request, profile, topic)
        with on_account_of(conversation.tenant_id, conversation.id):
            task = asyncio.create_task(work, name=f"ask {conversation.id}")
        self._tasks[conversation.id] = task
        task.add_done_callback(lambda done: self._finished(conversation.id, done))
        return AskTicket(
            ask_id=request.ask_id, conversation_id=conversation.id, revision=conversation.revision
        )

    async def cancel(self, conversation_id: str) -> None:
        task = self._tasks.pop(conversation_id, None)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_PATIENCE_WITH_CANCELLED)

    async def idle(self) -> None:
        """Waits until no question is under way."""
        while running := [t for t in self._tasks.values() if not t.done()]:
            await asyncio.wait(running)

    async def shutdown(self) -> None:
        for conversation_id in list(self._tasks):
            await self.cancel(conversation_id)

    def _finished(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(conversation_id) is task:
            del self._tasks[conversation_id]

    @traced(names.ASK)
    async def _work(
        self, principal: Principal, request: AskRequest, profile: TenantProfile, topic: Playbook | None
    ) -> None:
        parts, conversation = self._parts, request.conversation
        desk = AskDesk(
            principal, request, tools=parts.tools, search=parts.search, bus=parts.bus, limits=parts.limits
        )
        try:
            draft = await self._answer(request, desk, profile, topic)
            await parts.bus.publish(
                conversation.tenant_id,
                conversation.id,
                conversation.revision,
                self._shown(request, desk, draft),
            )
            await parts.bus.save(conversation.tenant_id, conversation.id)
        except asyncio.CancelledError:
            pass  # a newer question or turn has taken its place; nobody waits for this one
        except CopilotError as error:
            _log.warning("a question in %s was not answered: %s", conversation.id, error.code)
            await self._degraded(request, "ask", error.told)
        except Exception:  # noqa: BLE001 - a task's last resort
            _log.exception("a question in %s was not answered", conversation.id)
            await self._degraded(request, "ask", "An unexpected error; see the server's log.")

    async def _answer(
        self,
        request: AskRequest,
        desk: AskDesk,
        profile: TenantProfile,
        topic: Playbook | None,
    ) -> AnswerDraft:
        """The planner's where it plainly knows the question; else the model's, or the planner's after all."""
        planner, llm = self._parts.planner, self._parts.llm
        if llm is None or planner.recognises(request):
            return await planner.answer(request, desk, profile, topic)
        try:
            async with asyncio.timeout(self._parts.limits.seconds):
                draft = await llm.answer(request, desk)
        except TimeoutError:
            stopped: str | None = f"The model took longer than {self._parts.limits.seconds:.0f} s."
        except CopilotError as error:
            stopped = error.message
            await self._degraded(request, "llm", error.told)
        else:
            if draft.answered:
                return draft
            stopped = draft.stopped or (_UNSUPPORTED if draft.sentences else None)
        instead = await planner.answer(request, desk, profile, topic)
        return instead.model_copy(update={"stopped": stopped})

    def _shown(self, request: AskRequest, desk: AskDesk, draft: AnswerDraft) -> Answer:
        return Answer(
            ask_id=request.ask_id,
            conversation_id=request.conversation.id,
            revision=request.conversation.revision,
            question=request.question,
            action_ids=tuple(desk.proposals),
            created_at=self._parts.clock.now(),
            **{name: getattr(draft, name) for name in AnswerDraft.model_fields},
        )

    async def _degraded(self, request: AskRequest, component: str, message: str) -> None:
        conversation = request.conversation
        data = Degraded(component=component, message=message)
        await self._parts.bus.publish(conversation.tenant_id, conversation.id, conversation.revision, data)


def _require_question(question: str, hint: str) -> None:
    if not question.strip():
        raise InvalidInput("The question is empty.", where="question", hint="Ask something.")
    for name, text in (("question", question), ("hint", hint)):
        if len(text) > MAX_QUESTION_CHARACTERS:
            raise TooLarge(
                f"It has {len(text)} characters, at most {MAX_QUESTION_CHARACTERS} are taken.", where=name
            )
