"""Widget tokens: what a CRM's server hands to the panel in its pages."""

from fastapi import APIRouter

from copilot.api.access import ConversationWriter, ServicesDep
from copilot.api.routing import v1_router
from copilot.api.schemas import MintWidgetToken, RepresentativeNamed
from copilot.domain.access import Principal, Role, Scope, WidgetToken, require
from copilot.domain.errors import InvalidInput

router: APIRouter = v1_router("widget")

_KEEPS_ITS_ROLE = frozenset({Role.REPRESENTATIVE, Role.SUPERVISOR})


@router.post("/widget/tokens", status_code=201, operation_id="mint_widget_token")
async def mint_widget_token(
    body: MintWidgetToken, principal: ConversationWriter, services: ServicesDep
) -> WidgetToken:
    """Makes a token that opens one conversation for one representative, for minutes.

    By `conversation_id`, or by `external`: what the CRM calls the conversation, which is opened here when it
    is not yet. `representative` says for whom; a key of the role integration or admin may name anybody of
    its tenant, everyone else gets a token for themselves.
    """
    person = _person(principal, body.representative)
    if body.conversation_id is not None:
        conversation_id = (await services.conversations.get(principal.tenant_id, body.conversation_id)).id
    else:
        assert body.external is not None  # noqa: S101 - the schema's promise
        conversation_id = await services.links.conversation_for(person, body.external.as_contact())
    return services.widget_tokens.mint(person, conversation_id)


def _person(minter: Principal, named: RepresentativeNamed | None) -> Principal:
    """Who the token speaks for. Never more than a representative, unless it is the minter's own key."""
    if named is None:
        if minter.role is Role.INTEGRATION:
            raise InvalidInput(
                "a key of the role integration speaks for nobody by itself",
                where="body.representative",
                hint="Say whose panel it is: {id, name}.",
            )
        role = minter.role if minter.role in _KEEPS_ITS_ROLE else Role.REPRESENTATIVE
        return minter.model_copy(update={"role": role})
    if named.id != minter.id:
        require(minter, Scope.WIDGET_MINT)
    return Principal(
        id=named.id,
        tenant_id=minter.tenant_id,
        name=named.name,
        role=Role.REPRESENTATIVE,
        until=minter.until,
    )
