"""The erasure of a customer's conversations from every store, with a search afterwards as its proof."""

from collections import Counter
from collections.abc import Sequence

from copilot.domain.actions import LedgerRecord
from copilot.domain.errors import Conflict
from copilot.domain.privacy import ErasureProof, hash_of_ids
from copilot.ports import Clock, LedgerStore, PersonalCopies, PersonalRecords

_LEDGER = "ledger"
_ORDER_SYSTEM = "shop.db"


class Eraser:
    """Erases whole conversations, one transaction each; can be repeated, also after a crash."""

    def __init__(
        self, records: PersonalRecords, copies: PersonalCopies, ledger: LedgerStore, clock: Clock
    ) -> None:
        self._records = records
        self._copies = copies
        self._ledger = ledger
        self._clock = clock

    async def conversations_of(self, tenant_id: str, customer_id: str, said: Sequence[str]) -> list[str]:
        return await self._records.conversations_of(tenant_id, customer_id, said)

    async def plan(self, tenant_id: str, ids: Sequence[str]) -> ErasureProof:
        """What `erase` would be about; nothing is changed."""
        return self._begun(tenant_id, ids).model_copy(
            update={
                "dry_run": True,
                "ledger_still_holds": tuple(await self._records.open_entries(tenant_id, ids)),
            }
        )

    async def erase(
        self, tenant_id: str, ids: Sequence[str], said: Sequence[str], *, by: str, subject_id: str
    ) -> ErasureProof:
        """Erases the conversations, then looks for their ids and for what was `said` wherever we keep things.

        The ledger gets an entry of counts, under `subject_id`.
        """
        still_open = tuple(await self._records.open_entries(tenant_id, ids))
        removed, refused = await self.take_out(tenant_id, ids)
        proof = self._begun(tenant_id, ids).model_copy(
            update={"removed": dict(sorted(removed.items())), "refused": refused}
        )
        if ids:
            await self._ledger.append(tenant_id, _record(proof, by, subject_id))
        overwritten = await self._copies.overwrite()
        gone = [name for name in ids if name not in refused]
        left, kept = await self._search(tenant_id, gone, said) if ids else ({}, {})
        return proof.model_copy(
            update={
                "left": left,
                "kept": kept,
                "ledger_still_holds": still_open,
                "free_pages_overwritten": overwritten,
            }
        )

    async def overwrite(self) -> bool:
        """Whether nothing that was deleted is left in free pages."""
        return await self._copies.overwrite()

    async def take_out(self, tenant_id: str, ids: Sequence[str]) -> tuple[Counter[str], dict[str, str]]:
        """What was removed, by table or place, and why some conversations were not."""
        removed, refused = Counter[str](), dict[str, str]()
        for name in ids:
            try:
                removed += await self._records.erase(tenant_id, name)
            except Conflict as error:
                refused[name] = error.message
                continue
            removed += await self._copies.forget(tenant_id, name)
        return +removed, refused

    async def _search(
        self, tenant_id: str, ids: Sequence[str], said: Sequence[str]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """What should not be there any more, and why the rest may stay."""
        why = self._records.kept
        by_id = await self._records.traces(tenant_id, ids) if ids else Counter[str]()
        by_word = await self._records.traces(tenant_id, said) if said else Counter[str]()
        # The ledger names conversations by their ids; nobody's words may stand there.
        left = {name: n for name, n in by_id.items() if name not in why}
        left |= {name: n for name, n in by_word.items() if name not in why or name == _LEDGER}
        kept = {name: why[name] for name in (by_id | by_word) if name in why and name not in left}
        files = await self._copies.holding(said) if said else Counter[str]()
        for name, count in files.items():
            if name.startswith(_ORDER_SYSTEM):
                kept[name] = "what the order system itself knows of its customers"
            elif name.startswith("copilot.db") and not left and by_word:
                kept[name] = f"the rows of {', '.join(sorted(by_word))}"
            else:
                left[name] = count
        return left, kept

    def _begun(self, tenant_id: str, ids: Sequence[str]) -> ErasureProof:
        return ErasureProof(
            tenant=tenant_id,
            conversations=len(ids),
            sha256_of_their_ids=hash_of_ids(ids),
            at=self._clock.now(),
        )


def _record(proof: ErasureProof, by: str, subject_id: str) -> LedgerRecord:
    body = {
        "by": by,
        "conversations": proof.conversations - len(proof.refused),
        "refused": len(proof.refused),
        "sha256_of_their_ids": proof.sha256_of_their_ids,
        "removed": proof.removed,
    }
    return LedgerRecord(kind="erasure", subject_id=subject_id, body=body, at=proof.at)
