"""Faults that are planted in the service, to see whether the people who use it let them through."""

import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

from copilot.assist.drafting.composer import Composer
from copilot.assist.quoting import QuoteRanker
from copilot.domain.assist import Drafter
from copilot.domain.drafting import DraftPiece, DraftRequest
from copilot.ports import Embedder

_ADDED = 7_331
_AMOUNT = re.compile(r"amount: (?:item\.price|order\.shipping_fee)\b")


class InventingComposer:
    """Drafts as ours does, and makes up another number for each that it says."""

    kind = Drafter.COMPOSER

    def __init__(self, embedder: Embedder) -> None:
        self._composer = Composer(QuoteRanker(embedder))

    async def draft(self, request: DraftRequest) -> AsyncGenerator[DraftPiece]:
        async for piece in self._composer.draft(request):
            sentence = piece.sentence
            if sentence is None:
                yield piece
                continue
            text = re.sub(r"\d+", lambda found: str(int(found[0]) + _ADDED), sentence.text)
            changed = sentence.model_copy(update={"text": text})
            yield DraftPiece(text=piece.text.replace(sentence.text, text), sentence=changed)


def with_wrong_amounts(knowledge: Path, folder: Path) -> Path:
    """A copy of the knowledge folder whose playbooks refund all that was paid."""
    shutil.copytree(knowledge, folder)
    for path in sorted((folder / "playbooks").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        path.write_text(_AMOUNT.sub("amount: order.refundable", text), encoding="utf-8")
    return folder
