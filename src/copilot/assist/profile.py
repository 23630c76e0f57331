"""What the live path knows of a tenant: playbooks, trained classifiers, words and names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from copilot.assist.case_templates import CASE_TEMPLATES, CaseTemplates, load_case_templates
from copilot.assist.classifier import Classifier, load_weights
from copilot.assist.entities import EntityVocabulary, OrderIdFormat
from copilot.assist.flow.learning import NEXT_STEPS
from copilot.assist.flow.ranker import StepRanker, load_ranker
from copilot.assist.macros import MACROS, load_macros
from copilot.assist.training import INTENT_CLASSIFIER, PLAYBOOKS, SENTIMENT_CLASSIFIER, load_playbooks
from copilot.domain.conversation import Turn
from copilot.domain.errors import ConfigurationError, CopilotError
from copilot.domain.macro import Macro
from copilot.domain.playbook import Playbook
from copilot.ports import KnowledgeStore, OrderSystems

DEFAULT_PROMISE = (
    "Thank you for your question.",
    "I want to give you a reliable answer, so I am checking this with a colleague and will get back to you.",
)


@dataclass(frozen=True)
class BrandVoice:
    """How the tenant speaks: its name, the sentence before an answer, and what stands in for an answer.

    E-mails are longer than chat, and begin and end as letters do: `email_greetings` are templates, of which
    the first that can be filled is used.
    """

    company: str = "our shop"
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages that the tenant's templates are written in."""
    email_greetings: tuple[str, ...] = ("Dear {{ customer.first_name }},", "Hello,")
    email_closing: str = "Kind regards"
    lead: str = "Thank you for your question."
    promise: tuple[str, ...] = DEFAULT_PROMISE
    warm_openings: tuple[str, ...] = (
        "Thank you for reaching out, {{ customer.first_name }}.",
        "Thank you for reaching out.",
    )
    """What makes a text friendlier: templates, of which the first that can be filled is used."""
    sorry_openings: tuple[str, ...] = (
        "I am sorry for the trouble, {{ customer.first_name }}.",
        "I am sorry for the trouble.",
    )
    """The same for a customer who is upset."""
    warm_closing: str = "Please let me know if there is anything else I can do for you."


@dataclass(frozen=True)
class TenantProfile:
    """One tenant's playbooks, classifiers and vocabulary, as the last ingest left them."""

    tenant_id: str
    playbooks: Mapping[str, Playbook]
    intents: Classifier | None
    sentiment: Classifier | None
    vocabulary: EntityVocabulary = field(default_factory=EntityVocabulary)
    voice: BrandVoice = field(default_factory=BrandVoice)
    next_steps: StepRanker | None = None
    """What finished conversations say about next steps; None: playbooks stand as written."""
    templates: CaseTemplates = field(default_factory=CaseTemplates)
    macros: Mapping[str, Macro] = field(default_factory=dict)
    zone: str = "UTC"
    """Where "today" and "tomorrow" are meant, as the IANA names it."""

    def day_of(self, turn: Turn) -> date:
        """The day on which it was said, where the tenant is."""
        return turn.created_at.astimezone(ZoneInfo(self.zone)).date()


class TenantProfiles:
    """Loads profiles when first used; `forget` after an ingest makes the next turn see the new one."""

    def __init__(
        self,
        store: KnowledgeStore,
        orders: OrderSystems,
        *,
        voices: Mapping[str, BrandVoice] | None = None,
        order_ids: Mapping[str, tuple[OrderIdFormat, ...]] | None = None,
        zones: Mapping[str, str] | None = None,
        templates: CaseTemplates = CaseTemplates(),  # noqa: B008 - a frozen value
    ) -> None:
        """`voices`, `order_ids` and `zones` (IANA names) are by tenant; others get the defaults.

        `templates` are for tenants without their own.
        """
        self._store = store
        self._orders = orders
        self._voices = voices or {}
        self._order_ids = order_ids or {}
        self._zones = zones or {}
        self._our_templates = templates
        self._profiles: dict[str, TenantProfile] = {}

    async def of(self, tenant_id: str) -> TenantProfile:
        if tenant_id not in self._profiles:
            self._profiles[tenant_id] = await self._load(tenant_id)
        return self._profiles[tenant_id]

    def forget(self, tenant_id: str) -> None:
        self._profiles.pop(tenant_id, None)

    async def _load(self, tenant_id: str) -> TenantProfile:
        stored = await self._store.get_artifact(tenant_id, PLAYBOOKS)
        playbooks = load_playbooks(stored[1]) if stored else ()
        saved = await self._store.get_artifact(tenant_id, MACROS)
        macros = load_macros(saved[1]) if saved else ()
        return TenantProfile(
            tenant_id=tenant_id,
            playbooks={p.intent: p for p in playbooks},
            intents=await self._classifier(tenant_id, INTENT_CLASSIFIER),
            sentiment=await self._classifier(tenant_id, SENTIMENT_CLASSIFIER),
            vocabulary=EntityVocabulary(
                order_ids=self._order_ids.get(tenant_id, EntityVocabulary().order_ids),
                products=await self._product_names(tenant_id),
            ),
            voice=self._voices.get(tenant_id, BrandVoice()),
            next_steps=await self._next_steps(tenant_id, playbooks),
            templates=await self._templates(tenant_id),
            zone=self._zones.get(tenant_id, "UTC"),
            macros={m.id: m for m in macros},
        )

    async def _next_steps(self, tenant_id: str, playbooks: tuple[Playbook, ...]) -> StepRanker | None:
        stored = await self._store.get_artifact(tenant_id, NEXT_STEPS)
        return load_ranker(stored[1], playbooks) if stored else None

    async def _templates(self, tenant_id: str) -> CaseTemplates:
        stored = await self._store.get_artifact(tenant_id, CASE_TEMPLATES)
        own = load_case_templates(stored[1]) if stored else CaseTemplates()
        return own.over(self._our_templates)

    async def _classifier(self, tenant_id: str, name: str) -> Classifier | None:
        stored = await self._store.get_artifact(tenant_id, name)
        return Classifier(load_weights(stored[1])) if stored else None

    async def _product_names(self, tenant_id: str) -> tuple[str, ...]:
        try:
            return tuple(p.name for p in await self._orders.of(tenant_id).list_products())
        except ConfigurationError:
            raise
        except CopilotError:
            return ()  # products are then not recognised; everything else works
