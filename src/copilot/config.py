"""Settings, from the environment (`COPILOT_…`) or from arguments."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from copilot.domain.access import Role
from copilot.domain.actions import ToolEffect
from copilot.domain.branding import Colour
from copilot.domain.privacy import RetentionKind
from copilot.domain.usage import ModelPrice

TenantName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
WebOrigin = Annotated[
    str,
    StringConstraints(
        pattern=r"^(https://[a-z0-9][a-z0-9.-]{0,252}|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?$"
    ),
]
"""Scheme, host and port of a page, as browsers write it; http only on this machine."""


class BulkEngine(StrEnum):
    """What embeds the passages of an ingest run."""

    LOCAL = "local"
    RAY = "ray"


class LlmStyle(StrEnum):
    """How the LLM drafter asks: by JSON schema (small models), or for prose with citation marks.

    AUTO decides by the model's name; docs/decisions/0027 says how.
    """

    AUTO = "auto"
    STRUCTURED = "structured"
    PROSE = "prose"


class LogFormat(StrEnum):
    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class McpServerSettings(BaseModel):
    """An outside MCP server whose tools are added to ours, named `<name>_<tool>`.

    Tools that `effects` does not name are taken to change something: they wait for a person's approval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9]{0,19}$")
    command: tuple[str, ...] = ()
    url: str | None = None
    token: SecretStr | None = None
    effects: dict[str, ToolEffect] = Field(default_factory=dict)
    timeout_seconds: float = Field(default=8.0, gt=0, lt=10)
    """Less than the executor waits for any tool."""

    @model_validator(mode="after")
    def _one_way_to_reach_it(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("expected either command or url")
        return self


class BrandSettings(BaseModel):
    """How one tenant's panel looks; `logo` is a file of at most 64 KB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=60)
    accent: Colour | None = None
    logo: Path | None = None


class OrderSystemSettings(BaseModel):
    """A tenant's order system, as `COPILOT_ORDER_SYSTEM` and its secrets; the demo shop is never one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_system: str = Field(pattern=r"^(stripe\+)?(rest:.+|shopify:.+)$")
    url: str | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    stripe_url: str | None = None
    stripe_secret: SecretStr | None = None
    stripe_secret_file: Path | None = None


class OidcSettings(BaseModel):
    """An identity provider whose tokens the API takes; as in `OidcTrust`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    audience: str
    roles: dict[str, Role]
    """By the provider's name of a role or group: {"desk-agents": "representative"}; the first counts."""
    role_claim: str = "roles"
    tenant_claim: str = ""
    """The claim that names a person's tenant; empty: everybody is of `COPILOT_TENANT`."""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    client_id: str = ""
    """What the provider knows the console as; without it people sign in there with keys alone."""
    client_secret: SecretStr = SecretStr("")
    """Empty for a public client: PKCE is used either way."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    extension_client_id: str = ""
    """What the provider knows the browser extension as: a public client; without it that takes keys alone."""
    extension_scopes: tuple[str, ...] = ("openid", "profile", "email")
    """The access token has to be for `audience`; some providers ask for a scope of the API's own for that."""


class Settings(BaseSettings):
    """Everything a deployment may set; the defaults run on one laptop with no account and no internet."""

    model_config = SettingsConfigDict(env_prefix="COPILOT_", extra="ignore", frozen=True)

    data_dir: Path = Path(".copilot")
    """Database, derived index, server secret, demo shop."""
    secret_file: Path | None = None
    """What seals, keys and tokens are made with, the same for all servers of a deployment; 32 bytes or more.

    None: `secret` in the data folder, which the first start makes.
    """
    knowledge_dir: Path = Path("knowledge")
    """Articles, and the folders `playbooks`, `policies` and `shop` beside them."""
    sources_dir: Path | None = None
    """Descriptions of sources that jobs may ingest; None: `sources` beside the articles."""
    reports_dir: Path | None = None
    """Where the console looks for evaluation reports; None: where `copilot eval run` leaves them."""
    tenant: str = Field(default="larkfield", pattern=r"^[a-z][a-z0-9-]{1,40}$")
    """The tenant that the command line works for."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_origins: str = r"(chrome-extension|moz-extension)://[a-z0-9-]+"
    """Pages of other origins that may call the API, as one regular expression."""

    log_format: LogFormat | None = None
    """Of the log on standard error: a JSON object a line, or text for people. None: text at a terminal."""
    log_level: LogLevel = LogLevel.INFO
    """From which its own lines are written; `info` has one for each request."""

    trace_url: str | None = None
    """An OpenTelemetry collector that takes OTLP over HTTP, e.g. http://127.0.0.1:4318.

    None: where OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere.
    """
    trace_headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every batch of spans, as JSON: {"authorization": "Bearer …"}."""
    trace_share: float = Field(default=1.0, ge=0, le=1)
    """Of the requests whose caller has not decided, how many are traced."""
    trace_content: bool = False
    """Also keep what models were asked and answered, personal data masked."""

    retention_days: dict[TenantName, dict[RetentionKind, Annotated[int, Field(ge=1, le=36_500)]]] = Field(
        default_factory=dict
    )
    """After how many days what goes by itself, by tenant: {"larkfield": {"conversations": 180, "gaps": 90}}.

    Kinds that are not named are kept. A server with `background_work` removes them once an hour.
    """

    widget_hosts: dict[TenantName, tuple[WebOrigin, ...]] = Field(default_factory=dict)
    """Pages that may frame `/widget` and speak with it, by tenant: {"larkfield": ["https://crm.example"]}."""
    widget_token_minutes: int = Field(default=10, ge=1, le=60)
    integrations_dir: Path | None = None
    """Descriptions of helpdesks whose webhooks are taken; None: `integrations` beside the articles."""

    console_url: str | None = None
    """Where browsers find the server, https://desk.example: people who sign in elsewhere come back to it."""
    oidc: OidcSettings | None = None
    """As JSON: {"issuer": "https://id.example", "audience": "copilot", "roles": {"desk": "admin"}}."""

    database_url: SecretStr | None = None
    """postgresql://USER:PASSWORD@HOST:PORT/DATABASE for conversations, knowledge, actions and the ledger.

    None: SQLite in `data_dir`.
    """
    index_url: SecretStr | None = None
    """A Chroma server, e.g. http://127.0.0.1:8001, or a PostgreSQL database with pgvector.

    None: in `database_url` where that is PostgreSQL, else Chroma inside this process, in `data_dir`.
    """

    ray_address: str | None = None
    """HOST:PORT of a Ray cluster's head node, for `copilot ingest --engine ray`.

    None: that makes one of this machine alone.
    """

    redis_url: SecretStr | None = None
    """redis://USER:PASSWORD@HOST:PORT/0 (rediss: by TLS), for several servers on one database: a conversation
    may be posted to one and watched on another. None: live events and rate limits stay in this process."""
    requests_per_minute: int = Field(default=6_000, ge=1)
    """The most that one API key may ask in a minute; a sixth of them at once."""
    most_waiting_turns: int = Field(default=32, ge=1)
    """So many turns may wait for their knowledge on one server; a new one is then refused with 503."""
    background_work: bool = True
    """Whether this server does what nobody waits for: ingest jobs, helpdesks' messages, timers, actions that
    were left over. Of several servers on one database exactly one does."""

    embedding_model: str = "builtin"
    """`builtin` (all-MiniLM-L6-v2), or the name or path of any sentence-transformers model."""

    llm_base_url: str | None = None
    """An OpenAI-compatible endpoint, e.g. http://127.0.0.1:8080/v1. None: drafts by the composer only."""
    llm_model: str = "default"
    llm_api_key: SecretStr = SecretStr("none")
    llm_style: LlmStyle = LlmStyle.AUTO
    llm_prompt_tokens: int = Field(default=3_000, ge=1_200)
    """The most that a prompt for a draft may have; a server's context holds it and 400 of answer."""
    llm_prices: dict[str, ModelPrice] = Field(default_factory=dict)
    """By model, dollars for a million tokens: {"big": {"prompt": 2.5, "cached": 1.25, "completion": 10}}."""
    llm_timeout_seconds: float = Field(default=20.0, gt=0)
    llm_refines: bool = False
    """Also let the model choose among next actions, reword the summary that is handed over or filed, and
    file what no playbook recognised. Each is a call more, which a small model is too slow for."""

    mask_names: bool | None = None
    """Whether names are masked before anything leaves for `llm_base_url`, by a model of about 150 MB on this
    machine; cards, e-mail addresses and the like always are. None: where the extra `pii` is installed."""

    judge_base_url: str | None = None
    """Where the model that judges evaluations is; None: at `llm_base_url`."""
    judge_api_key: SecretStr = SecretStr("none")
    judge_timeout_seconds: float = Field(default=60.0, gt=0)
    """For one of its answers; a case may take three times as long."""
    judge_seconds_per_run: float = Field(default=3_600.0, gt=0)
    judge_tokens_per_case: int = Field(default=30_000, ge=1)
    judge_tokens_per_run: int = Field(default=5_000_000, ge=1)
    judge_dollars_per_run: float | None = Field(default=None, gt=0)
    judge_price_prompt: float = Field(default=0.0, ge=0)
    """Dollars for a million tokens of prompt; `judge_price_answer` of answer."""
    judge_price_answer: float = Field(default=0.0, ge=0)

    money_per_call: int | None = Field(default=200_000, ge=0)
    """The most that one approved call may pay out, in minor units of its currency; None: no limit."""
    money_per_representative_per_day: int | None = Field(default=1_000_000, ge=0)
    """The most that may be paid out on one representative's approvals in a day (UTC)."""
    money_per_day: int | None = Field(default=10_000_000, ge=0)
    """The most that may be paid out in a day (UTC), all together."""

    order_system: str = Field(default="embedded", pattern=r"^(stripe\+)?(embedded|rest:.+|shopify:.+)$")
    """`embedded`, `rest:PATH_TO_MAPPING`, `shopify:SHOP_DOMAIN`; `stripe+…` refunds through Stripe.

    It is that of `COPILOT_TENANT`; nobody else's key reaches it.
    """
    order_system_url: str | None = None
    """Where it is asked instead of its own address."""
    order_system_secret: SecretStr | None = None
    order_system_secret_file: Path | None = None
    stripe_url: str | None = None
    stripe_secret: SecretStr | None = None
    stripe_secret_file: Path | None = None

    order_systems: dict[TenantName, OrderSystemSettings] = Field(default_factory=dict)
    """Other tenants', as JSON: {"acme": {"order_system": "rest:acme.yaml", "secret_file": "acme.secret"}}."""

    prompts_dir: Path | None = None
    """Prompts (`NAME.j2`) that take the place of ours of the same name."""
    answer_threshold: float | None = Field(default=None, gt=0, lt=1)
    """The confidence from which search holds a question for answered; None: the one it was calibrated to."""
    interruption_cost: float = Field(default=0.35, ge=0, le=10)
    """What a draft nobody uses takes of what a used one gives; 0: every draft is shown."""

    ask_steps: int = Field(default=8, ge=1, le=50)
    """How many tools a model may call to answer one question of a representative."""
    ask_timeout_seconds: float = Field(default=60.0, gt=0)

    branding: dict[str, BrandSettings] = Field(default_factory=dict)
    """By tenant, as JSON: {"larkfield": {"name": "Larkfield", "accent": "#2d6a4f", "logo": "logo.svg"}}."""

    mcp_servers: tuple[McpServerSettings, ...] = ()
    """As JSON, e.g. [{"name": "crm", "command": ["crm-mcp"], "effects": {"find_note": "read"}}]."""

    mcp_key: SecretStr | None = None
    """The API key that `copilot mcp` speaks with over stdio."""

    proposal_minutes: int = Field(default=30, ge=1)
    """How long a proposed action may be approved."""

    @property
    def database_path(self) -> Path:
        return self.data_dir / "copilot.db"

    @property
    def vectors_url(self) -> str | None:
        """Where the index is; None: in this process."""
        url = self.index_url or self.database_url
        if url is None or (self.index_url is None and url.get_secret_value().startswith("sqlite:")):
            return None
        return url.get_secret_value()

    @property
    def index_dir(self) -> Path:
        return self.data_dir / "index"

    @property
    def shop_path(self) -> Path:
        return self.data_dir / "shop.db"

    @property
    def secret_path(self) -> Path:
        return self.data_dir / "secret"

    @property
    def playbooks_dir(self) -> Path:
        return self.knowledge_dir / "playbooks"

    @property
    def source_descriptions(self) -> Path:
        return self.sources_dir or self.knowledge_dir / "sources"

    @property
    def helpdesk_descriptions(self) -> Path:
        return self.integrations_dir or self.knowledge_dir / "integrations"

    @property
    def report_folder(self) -> Path:
        return self.reports_dir or self.data_dir / "evaluations" / "reports"

    @property
    def policies_dir(self) -> Path:
        return self.knowledge_dir / "policies"
