"""The search tester: asks as the live path does, and shows what each result's place is made of."""

from typing import Annotated, Any, Self

from fastapi import Query
from fastapi.responses import Response

from copilot.assist.quoting import best_span, cite
from copilot.console.forms import choice, day, lines
from copilot.console.page import PageDep
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.knowledge import Audience, ScoredPassage, SearchQuery, SearchResult
from copilot.domain.value import Value
from copilot.retrieval.fusion import KEYWORD_WEIGHT

router = page_router("search", Scope.KNOWLEDGE_READ)
Text = Annotated[str, Query(max_length=200)]
_MAX_QUESTION = 4_000


class Why(Value):
    """How a passage came to its place; `fused + reread = score` by which results are ordered.

    `dense` is the cosine of meaning, `keyword` the share of the question's words by BM25 before its weight;
    `reread` is what reading the passage's words, and likeness to the best ones, has added.
    """

    found: ScoredPassage
    quote: str
    dense: float
    keyword: float
    fused: float
    reread: float

    @classmethod
    def of(cls, question: str, found: ScoredPassage) -> Self:
        dense = found.parts.cosine if found.parts else 0.0
        keyword = found.parts.keyword if found.parts else 0.0
        fused = dense + KEYWORD_WEIGHT * keyword
        sentence = best_span(question, found)
        cited = cite(found, *sentence) if sentence else None
        return cls(
            found=found,
            quote=cited.quote if cited else "",
            dense=dense,
            keyword=keyword,
            fused=fused,
            reread=found.score - fused,
        )


@router.get("")
async def search(
    page: PageDep,
    q: Annotated[str, Query(max_length=_MAX_QUESTION)] = "",
    history: Annotated[str, Query(max_length=_MAX_QUESTION)] = "",
    audience: Text = "",
    product: Text = "",
    tags: Text = "",
    locale: Text = "",
    as_of: Text = "",
) -> Response:
    """The form, and what a question finds."""
    asked = {
        "q": q,
        "history": history,
        "audience": audience,
        "product": product,
        "tags": tags,
        "locale": locale,
        "as_of": as_of,
    }
    result: SearchResult | None = None
    whys: list[Why] = []
    if q.strip():
        wanted = choice(Audience, audience, "The audience")
        result = await page.services.search.search(
            SearchQuery(
                tenant_id=page.tenant_id,
                text=q,
                history=lines(history),
                audiences=frozenset(Audience) if wanted is None else frozenset({wanted}),
                product=product or None,
                locale=locale or None,
                tags=frozenset(tag.strip() for tag in tags.split(",") if tag.strip()),
                as_of=day(as_of, "As of"),
                limit=10,
            )
        )
        whys = [Why.of(q, found) for found in result.passages]
    values: dict[str, Any] = {
        "result": result,
        "whys": whys,
        "threshold": page.services.search.threshold,
        "keyword_weight": KEYWORD_WEIGHT,
        "asked": asked,
        "today": page.clock.now().date(),
    }
    if page.by_htmx:
        return page.render("search_tester/_results.html", **values)
    return page.render(
        "search_tester/search.html",
        choices=await page.services.shelf.choices(page.tenant_id),
        audiences=list(Audience),
        **values,
    )
