"""`copilot search`, `reindex`: a tenant's knowledge."""

import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.config import Settings
from copilot.domain.knowledge import Audience, SearchQuery

if TYPE_CHECKING:
    from copilot.assist.flow.learning import Learned
    from copilot.domain.knowledge import SearchResult

AsOf = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Search what was in force that day.")
]


def search(
    question: Annotated[str, typer.Argument(help="What a customer might ask.")],
    as_of: AsOf = None,
    audience: Annotated[
        list[Audience] | None, typer.Option(help="Only what these may read; all if left out.")
    ] = None,
    locale: Annotated[str | None, typer.Option(help="Only this language, as en or pt-BR.")] = None,
    product: Annotated[str | None, typer.Option(help="Only about this product.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; all of them if several.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
) -> None:
    """Ask the knowledge base as the live path does; exit status 1 when it does not hold the answer."""
    settings = Settings()
    query = SearchQuery(
        tenant_id=settings.tenant,
        text=question,
        as_of=as_of.date() if as_of else None,
        audiences=frozenset(audience or Audience),
        locale=locale,
        product=product,
        tags=frozenset(tag or ()),
        limit=limit,
    )
    result = asyncio.run(_search(settings, query))
    for place, found in enumerate(result.passages, 1):
        where = " › ".join([found.document.title, *found.passage.heading_path[-1:]])
        internal = " · internal" if found.document.audience == "internal" else ""
        print(f"{place}. {where} (v{found.document.version}{internal}) {found.confidence:.0%}")
        print("   " + found.passage.text.replace("\n", "\n   "))
    if not result.answerable:
        print(f"Not in the knowledge base (confidence {result.confidence:.0%}).")
        sys.exit(1)


def reindex() -> None:
    """Drop the vector index and build it again from the database."""

    async def work() -> int:
        from copilot.bootstrap import open_knowledge, open_state  # noqa: PLC0415 - costs start-up time

        settings = Settings()
        async with open_state(settings) as state, open_knowledge(settings, state.database) as knowledge:
            return await knowledge.ingestor.reindex(settings.tenant)

    print(f"Indexed {asyncio.run(work())} passages.")


def learn() -> None:
    """Learn next steps from the conversations that were wrapped up; a running server does it too."""

    async def work() -> "Learned":
        from copilot.bootstrap import open_state, step_learner  # noqa: PLC0415 - costs start-up time
        from copilot.bootstrap.models import open_embedder  # noqa: PLC0415

        settings = Settings()
        embedder = open_embedder(settings)
        try:
            async with open_state(settings) as state:
                return await step_learner(state.knowledge, embedder).learn(settings.tenant)
        finally:
            embedder.close()

    learned = asyncio.run(work())
    news = f"{learned.decisions} steps taken in them" if learned.changed else "nothing new in them"
    print(f"{learned.conversations} finished conversations, {news}.")


async def _search(settings: Settings, query: SearchQuery) -> "SearchResult":
    from copilot.bootstrap import open_search, open_state  # noqa: PLC0415 - costs start-up time

    async with open_state(settings) as state, open_search(settings, state.database) as searcher:
        return await searcher.search(query)
