"""Editing policies and playbooks while the server runs: tried first, then put in force, and back again.

The file is what people and `copilot ingest` read, so it is written first; the store is what the live path
reads. Earlier texts stay in the store, and every change is an entry in the ledger.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime

from copilot.assist.training import LivePathTrainer
from copilot.domain.access import Principal
from copilot.domain.actions import LedgerRecord
from copilot.domain.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from copilot.domain.playbook import Playbook
from copilot.domain.policy import PolicySet
from copilot.domain.value import Value
from copilot.ports import Clock, KnowledgeStore, LedgerStore
from copilot.ports.rules import PlaybookFiles, PolicyFiles, RuleFiles
from copilot.tools.policy import PolicyEngine, RenderText
from copilot.tools.policy_store import known_clauses, save_policies

_KEPT = 20
"""Earlier texts of a file."""


class EarlierText(Value):
    """A text that was in force until `until`, when `by` replaced it."""

    text: str
    until: datetime
    by: str

    @property
    def sha256(self) -> str:
        return text_hash(self.text)


class Tried(Value):
    """What putting a text in force would say: nothing is in force while there are problems."""

    problems: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Rules whose clause is not what it was when they were signed."""


class RuleBook:
    """What policies and playbooks have in common: one tenant's files, their history, and the ledger."""

    kind: str

    def __init__(
        self, tenant_id: str, files: RuleFiles, store: KnowledgeStore, ledger: LedgerStore, clock: Clock
    ) -> None:
        self._tenant_id = tenant_id
        self._files = files
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._lock = asyncio.Lock()

    async def names(self, tenant_id: str) -> list[str]:
        """Of the files; none for a tenant whose rules this server does not keep."""
        return await asyncio.to_thread(self._files.names) if tenant_id == self._tenant_id else []

    async def read(self, tenant_id: str, name: str) -> str:
        """`NotFound` when there is no such file."""
        self._own(tenant_id)
        return await asyncio.to_thread(self._files.read, name)

    async def earlier(self, tenant_id: str, name: str) -> list[EarlierText]:
        """Newest first."""
        self._own(tenant_id)
        stored = await self._store.get_artifact(tenant_id, self._artifact(name))
        found = json.loads(stored[1]) if stored else []
        return [EarlierText.model_validate(one) for one in reversed(found)]

    async def _replace(self, principal: Principal, name: str, text: str, base: str) -> None:
        """Writes the file, unless it is not the one that `base` is the hash of; "" is: there is none."""
        before = await asyncio.to_thread(self._read_or_none, name)
        if (text_hash(before) if before is not None else "") != base:
            raise Conflict(
                f"{name} was changed by somebody else meanwhile.",
                hint="Open it again, and make your change on what it is now.",
            )
        now = self._clock.now()
        body = {
            "file": f"{self.kind}/{name}",
            "by": principal.id,
            "sha256": text_hash(text),
            "before": base or None,
        }
        record = LedgerRecord(kind="rules.changed", subject_id=f"{self.kind}/{name}", body=body, at=now)
        # First: rules that are in force and stand nowhere are worse than an entry whose change failed.
        await self._ledger.append(self._tenant_id, record)
        if before is not None:
            await self._keep(name, EarlierText(text=before, until=now, by=principal.name))
        await asyncio.to_thread(self._files.write, name, text)

    async def _keep(self, name: str, earlier: EarlierText) -> None:
        stored = await self._store.get_artifact(self._tenant_id, self._artifact(name))
        found = [*(json.loads(stored[1]) if stored else []), earlier.model_dump(mode="json")][-_KEPT:]
        content = json.dumps(found).encode()
        await self._store.put_artifact(
            self._tenant_id, self._artifact(name), hashlib.sha256(content).hexdigest(), content
        )

    async def _earlier_text(self, tenant_id: str, name: str, sha256: str) -> str:
        for one in await self.earlier(tenant_id, name):
            if one.sha256 == sha256:
                return one.text
        raise NotFound("This version is not kept any more.", hint="Choose one of the list.")

    def _own(self, tenant_id: str) -> None:
        if tenant_id != self._tenant_id:
            raise NotFound(f"This server keeps no {self.kind} of your tenant.")

    def _read_or_none(self, name: str) -> str | None:
        try:
            return self._files.read(name)
        except NotFound:
            return None

    def _artifact(self, name: str) -> str:
        return f"earlier:{self.kind}/{name}"


class PolicyBook(RuleBook):
    """A person signs what comes into force; putting an earlier text back needs no signature anew."""

    kind = "policies"

    def __init__(
        self,
        tenant_id: str,
        files: PolicyFiles,
        store: KnowledgeStore,
        ledger: LedgerStore,
        clock: Clock,
        render: RenderText,
    ) -> None:
        super().__init__(tenant_id, files, store, ledger, clock)
        self._policies = files
        self._render = render

    async def engine(self, tenant_id: str) -> tuple[dict[str, PolicySet], PolicyEngine]:
        """The files as they are, over the clauses of the moment. `ConfigurationError` when one is wrong."""
        self._own(tenant_id)
        sets = await asyncio.to_thread(self._policies.load, {}, require_signature=False)
        return sets, await self._engine(tuple(sets.values()))

    async def attempt(self, tenant_id: str, name: str, text: str) -> Tried:
        """As if the text were signed."""
        self._own(tenant_id)
        try:
            sets = await asyncio.to_thread(self._policies.load, {name: text}, require_signature=False)
            engine = await self._engine(tuple(sets.values()))
        except ConfigurationError as error:
            return Tried(problems=problems_of(error))
        own = {rule.id for rule in sets[name].rules}
        flags = [f"rule {f.rule}: {f.why}" for f in engine.flags() if f.rule in own]
        return Tried(problems=tuple(engine.rule_problems()), flags=tuple(flags))

    async def put_in_force(self, principal: Principal, name: str, text: str, base: str) -> str:
        """Signs the text in the person's name, unless the signature it has still fits; who has signed it.

        `InvalidInput` with every problem; nothing changes then.
        """
        self._own(principal.tenant_id)
        async with self._lock:
            tried = await self.attempt(principal.tenant_id, name, text)
            if tried.problems:
                raise InvalidInput("\n".join(tried.problems), hint="Nothing was changed.")
            sets = await asyncio.to_thread(self._policies.load, {name: text}, require_signature=False)
            clauses = await known_clauses(self._store, self._tenant_id, [sets[name]])
            signed = self._policies.signed(text, sets[name], clauses, principal.name, self._clock.now())
            await self._enforce(principal, name, signed or text, base)
            earlier = sets[name].signature
            return earlier.name if signed is None and earlier else principal.name

    async def restore(self, principal: Principal, name: str, sha256: str, base: str) -> None:
        """The earlier text of this hash, with the signature it had."""
        self._own(principal.tenant_id)
        async with self._lock:
            text = await self._earlier_text(principal.tenant_id, name, sha256)
            await self._enforce(principal, name, text, base)

    async def _enforce(self, principal: Principal, name: str, text: str, base: str) -> None:
        try:
            sets = await asyncio.to_thread(self._policies.load, {name: text})
        except ConfigurationError as error:
            raise InvalidInput("\n".join(problems_of(error)), hint="Nothing was changed.") from error
        await self._replace(principal, name, text, base)
        await save_policies(self._store, self._tenant_id, tuple(sets.values()))

    async def _engine(self, sets: Sequence[PolicySet]) -> PolicyEngine:
        clauses = await known_clauses(self._store, self._tenant_id, sets)
        return PolicyEngine(sets, clauses, self._render, require_signatures=False)


class PlaybookBook(RuleBook):
    """Classifiers learn anew from changed examples before the next turn uses them."""

    kind = "playbooks"

    def __init__(
        self,
        tenant_id: str,
        files: PlaybookFiles,
        store: KnowledgeStore,
        ledger: LedgerStore,
        clock: Clock,
        trainer: LivePathTrainer,
        on_changed: Callable[[str], None],
        known_tools: Callable[[], frozenset[str]],
    ) -> None:
        super().__init__(tenant_id, files, store, ledger, clock)
        self._playbooks = files
        self._trainer = trainer
        self._on_changed = on_changed
        self._known_tools = known_tools

    async def load(self, tenant_id: str) -> dict[str, Playbook]:
        """By file. `ConfigurationError` when one is wrong."""
        self._own(tenant_id)
        return await asyncio.to_thread(self._playbooks.load, {})

    async def attempt(self, tenant_id: str, name: str, text: str) -> Tried:
        self._own(tenant_id)
        try:
            found = await asyncio.to_thread(self._playbooks.load, {name: text})
        except ConfigurationError as error:
            return Tried(problems=problems_of(error))
        known = self._known_tools()
        unknown = [
            f"{name}: the step {step.id!r} calls {step.tool!r}, which is no tool"
            for step in found[name].steps
            if step.tool is not None and step.tool not in known
        ]
        return Tried(problems=tuple(unknown))

    async def put_in_force(self, principal: Principal, name: str, text: str, base: str) -> None:
        """`InvalidInput` with every problem; nothing changes then."""
        self._own(principal.tenant_id)
        async with self._lock:
            await self._enforce(principal, name, text, base)

    async def restore(self, principal: Principal, name: str, sha256: str, base: str) -> None:
        self._own(principal.tenant_id)
        async with self._lock:
            await self._enforce(
                principal, name, await self._earlier_text(principal.tenant_id, name, sha256), base
            )

    async def _enforce(self, principal: Principal, name: str, text: str, base: str) -> None:
        tried = await self.attempt(principal.tenant_id, name, text)
        if tried.problems:
            raise InvalidInput("\n".join(tried.problems), hint="Nothing was changed.")
        found = await asyncio.to_thread(self._playbooks.load, {name: text})
        await self._replace(principal, name, text, base)
        await self._trainer.prepare(self._tenant_id, tuple(found.values()))
        self._on_changed(self._tenant_id)


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def problems_of(error: ConfigurationError) -> tuple[str, ...]:
    """A line each, without the count that stands before several."""
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith("problems:"):
        return tuple(lines[1:])
    return (f"{error.where}: {error.message}" if error.where else error.message,)
