"""What the scripted API answers when a representative looks for something or rewords a text."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from tests.e2e import scene, scene_desk
from tests.e2e.fake_copilot import FakeCopilot, problem

from copilot.domain.transforms import Transform
from copilot.domain.value import Value


def answered(value: Value) -> JSONResponse:
    return JSONResponse(json.loads(value.model_dump_json()))


def desk_routes(fake: FakeCopilot) -> APIRouter:  # noqa: C901 - one function per route
    router = APIRouter()

    @router.post("/v1/conversations/{conversation_id}/transform")
    async def transform(conversation_id: str, request: Request) -> Response:
        body = await request.json()
        fake.writes.append(("transform", body))
        if body["how"] == "translate" and not fake.has_model:
            return problem(422, "A language model is needed.", "'translate' needs a language model.")
        draft = scene.suggestion(conversation_id, 1)
        return answered(scene_desk.transformed(Transform(body["how"]), draft, body.get("text")))

    @router.post("/v1/suggestions/{suggestion_id}/restore")
    async def restore(suggestion_id: str) -> Response:
        former = fake.suggestions[suggestion_id]
        again = former.model_copy(update={"replaces": fake.replaced_by(suggestion_id)})
        fake.publish(former.conversation_id, "suggestion.completed", again)
        return answered(again)

    @router.post("/v1/conversations/{conversation_id}/ask", status_code=202)
    async def ask(conversation_id: str, request: Request) -> dict[str, Any]:
        body = await request.json()
        fake.writes.append(("ask", body))
        revision = fake.conversations[conversation_id].revision
        for kind, data in scene_desk.asked(conversation_id, revision, body["question"]):
            fake.publish(conversation_id, kind, data)
        return {"ask_id": scene_desk.ASK_ID, "conversation_id": conversation_id, "revision": revision}

    @router.post("/v1/knowledge/search")
    async def search(request: Request) -> dict[str, Any]:
        body = await request.json()
        fake.writes.append(("search", body))
        return scene_desk.found(body["query"])

    @router.get("/v1/macros")
    async def macros(q: str = "") -> list[dict[str, Any]]:
        return scene_desk.macros(q)

    @router.post("/v1/conversations/{conversation_id}/macros/{macro_id}/fill")
    async def fill(conversation_id: str, macro_id: str) -> Response:
        if macro_id == "voucher":
            return problem(422, "Facts are missing.", "The saved reply needs customer.loyalty_tier.")
        return JSONResponse(scene_desk.filled(macro_id))

    @router.post("/v1/conversations/{conversation_id}/hand-over")
    async def hand_over(conversation_id: str, request: Request) -> Response:
        body = await request.json()
        fake.writes.append(("hand-over", body))
        conversation = fake.conversations[conversation_id]
        summary = scene.summary(conversation_id, conversation.revision, conversation.turns[0].id)
        return answered(scene_desk.hand_over(summary, body["to"], body["reason"]))

    @router.post("/v1/conversations/{conversation_id}/gaps", status_code=204)
    async def report_gap(conversation_id: str, request: Request) -> None:
        fake.writes.append(("gap", await request.json()))

    @router.post("/v1/conversations/{conversation_id}/customer/unlock", status_code=204)
    async def unlock(conversation_id: str) -> None:
        fake.writes.append(("unlock", {}))

    @router.get("/v1/branding")
    async def branding() -> dict[str, Any]:
        return fake.branding

    return router
