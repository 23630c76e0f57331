"""`copilot policy`: check, sign, explain and draft the rules that decide what may be done."""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.config import Settings
from copilot.domain.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from copilot.assist.policy_drafting import DraftedRules
    from copilot.domain.knowledge import ParsedDocument
    from copilot.domain.policy import PolicyRule, PolicySet
    from copilot.tools.assessment import Assessment
    from copilot.tools.policy import PolicyEngine

Folder = Annotated[
    Path | None,
    typer.Argument(help="Folder of documents with policies/ in it (default: the knowledge folder)."),
]
With = Annotated[
    list[str] | None, typer.Option("--with", help="An argument of the tool, NAME=VALUE; may be repeated.")
]


def build_app() -> typer.Typer:
    app = typer.Typer(help="The rules that decide what may be done.", no_args_is_help=True)
    app.command("check")(check)
    app.command("sign")(sign_command)
    app.command("explain")(explain)
    app.command("draft")(draft)
    return app


# ---------------------------------------------------------------- check and sign


def check(folder: Folder = None) -> None:
    """Prove every rule: signature, clause, examples, review. Exit status 1 when anything is wrong."""
    from copilot.adapters.policy_signing import policies_folder, read_clauses  # noqa: PLC0415 - start-up time
    from copilot.adapters.yaml_files import load_policies  # noqa: PLC0415
    from copilot.prompts import render_text  # noqa: PLC0415
    from copilot.tools.policy import PolicyEngine  # noqa: PLC0415

    rules, documents = policies_folder(folder or Settings().knowledge_dir)
    try:
        sets = load_policies(rules, require_signature=False)
    except ConfigurationError as error:
        print(f"{error}\nThe rules cannot be checked before this is mended.")
        sys.exit(1)
    engine = PolicyEngine(sets, read_clauses(documents), render_text, require_signatures=False)
    problems, flags = engine.problems(), engine.flags()
    _print(_rules_table(sets, engine))
    for problem in problems:
        print(f"wrong: {problem}")
    for flag in flags:
        print(f"needs review: rule {flag.rule}: {flag.why} ({_clause(flag.clause)})")
    count = sum(len(s.rules) for s in sets)
    print(f"{count} rules in {len(sets)} sets: {len(problems)} wrong, {len(flags)} need review.")
    if problems or flags:
        sys.exit(1)


def sign_command(
    name: Annotated[str, typer.Option(help="Who has checked the rules against their clauses, and signs.")],
    folder: Folder = None,
) -> None:
    """Sign every policy file as it is now, with the text of the clauses its rules come from."""
    sign(name, folder)


def sign(name: str, folder: Path | None = None) -> None:
    from copilot.adapters.policy_signing import sign_policies  # noqa: PLC0415 - costs start-up time

    done = sign_policies(folder or Settings().knowledge_dir, name, datetime.now(UTC))
    for file, message in done.items():
        print(f"{file}: {message}")


def _rules_table(sets: "tuple[PolicySet, ...]", engine: "PolicyEngine") -> "Table":
    from rich.table import Table  # noqa: PLC0415 - costs start-up time

    flagged = {flag.rule for flag in engine.flags()}
    wrong = Counter(p.split(":")[0].split(",")[0].removeprefix("rule ") for p in engine.problems())
    table = Table("rule", "says", "clause", "in force", "examples", "signed by", "state")
    for policy in sets:
        signer = policy.signature.name if policy.signature and policy.signature_holds() else "–"
        for rule in policy.rules:
            state = "wrong" if wrong[rule.id] else "needs review" if rule.id in flagged else "ok"
            force = f"{rule.valid_from or '…'} – {rule.valid_to or '…'}"
            examples = str(len(rule.examples))
            table.add_row(rule.id, rule.outcome.value, _clause(rule.clause), force, examples, signer, state)
    return table


def _clause(clause: Any) -> str:  # noqa: ANN401 - a RuleClause or ClauseReference
    return f"{clause.document} v{clause.version} §{clause.clause}"


# ---------------------------------------------------------------- explain


def explain(
    tool: Annotated[str, typer.Argument(help="A tool that changes something, such as refund_order.")],
    order: Annotated[str, typer.Option(help="The order's number, such as LF-1004820.")],
    with_: With = None,
) -> None:
    """Show what policy says of a call about an order, by the rules of the day it was placed."""
    arguments = _arguments(with_ or [])
    found = asyncio.run(_assess(Settings(), tool, order, arguments))
    placed = found.plan.order.placed_at.date() if found.plan.order and found.plan.order.placed_at else "?"
    print(f"{found.plan.preview}\nBy the rules of {placed}, when the order was placed:")
    _print(_findings_table(found))
    if flagged := found.decision.needs_review:
        print(f"Needs review, because the clause has changed since it was signed: {', '.join(flagged)}")
    print(f"{found.decision.outcome.value}: {found.decision.reason}")


def _findings_table(found: "Assessment") -> "Table":
    from rich.table import Table  # noqa: PLC0415 - costs start-up time

    table = Table("", "rule", "because", "clause", "what the clause says")
    for finding in found.decision.findings:
        side = "for" if finding.outcome == "allow" else "against"
        mark = " (needs review)" if finding.needs_review else ""
        quote = " ".join(finding.clause.quote.split())
        table.add_row(side, finding.rule + mark, finding.because, _clause(finding.clause), quote)
    return table


def _arguments(given: list[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for item in given:
        name, sign_, value = item.partition("=")
        if not sign_ or not name:
            raise InvalidInput(f"{item!r} is not NAME=VALUE.", where="--with", hint="Such as amount=20.")
        try:
            arguments[name] = json.loads(value)
        except ValueError:
            arguments[name] = value
    return arguments


async def _assess(settings: Settings, tool: str, order_id: str, arguments: dict[str, Any]) -> "Assessment":
    from copilot.bootstrap import open_assessor  # noqa: PLC0415 - costs start-up time
    from copilot.tools.tool import Session  # noqa: PLC0415

    async with open_assessor(settings) as (assessor, orders):
        order = await orders.get_order(order_id)
        fields = assessor.catalog.write_tool(tool).arguments.model_fields
        likely: dict[str, Any] = {"order_id": order_id, "item_ids": [i.item_id for i in order.items]}
        if order.payments:
            likely["payment_method_id"] = order.payments[0].payment_method_id
        if "amount" in fields:
            likely["amount"] = str(order.refundable).lstrip("$")
        known = {name: value for name, value in likely.items() if name in fields}
        session = Session(tenant_id=settings.tenant, conversation_id="explain", customer_id=order.customer_id)
        return await assessor.assess(session, tool, known | arguments)


# ---------------------------------------------------------------- draft


def draft(
    document: Annotated[Path, typer.Argument(help="A policy document with numbered clauses.")],
) -> None:
    """Propose rules for a document with the configured language model: YAML, unsigned, for you to check."""
    import yaml  # noqa: PLC0415 - costs start-up time

    drafted, parsed = asyncio.run(_draft(Settings(), document))
    for refused in drafted.refused:
        sys.stderr.write(f"refused: §{refused.clause} {refused.rule}: {refused.why}\n")
    if drafted.silent:
        sys.stderr.write(f"no rule for: {', '.join(f'§{clause}' for clause in drafted.silent)}\n")
    sys.stderr.write(f"{len(drafted.rules)} rules proposed, {len(drafted.refused)} refused.\n")
    if not drafted.rules:
        sys.exit(1)
    print("# Proposed by a language model: check every rule against its clause before you sign.")
    print(yaml.safe_dump(_file(parsed, drafted), sort_keys=False, allow_unicode=True, width=110), end="")


def _file(parsed: "ParsedDocument", drafted: "DraftedRules") -> dict[str, Any]:
    return {
        "policy": parsed.external_id,
        "title": parsed.title,
        "rules": [_dumped(rule) for rule in drafted.rules],
    }


def _dumped(rule: "PolicyRule") -> dict[str, Any]:
    dumped: dict[str, Any] = rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dumped


async def _draft(settings: Settings, path: Path) -> "tuple[DraftedRules, ParsedDocument]":
    from copilot.adapters.loaders.folder import read_document  # noqa: PLC0415 - costs start-up time
    from copilot.assist.policy_drafting import draft_rules  # noqa: PLC0415
    from copilot.bootstrap import chat_model  # noqa: PLC0415
    from copilot.domain.actions import ToolEffect  # noqa: PLC0415
    from copilot.tools.catalog import Catalog  # noqa: PLC0415

    (parsed,) = read_document(path)
    model = chat_model(settings)
    if model is None:
        raise ConfigurationError(
            "drafting rules needs a language model, and none is configured.",
            hint="Set COPILOT_LLM_BASE_URL and COPILOT_LLM_MODEL, or write the rules by hand.",
        )
    tools = [tool.name for tool in Catalog() if tool.effect is not ToolEffect.READ]
    with tempfile.TemporaryDirectory() as folder:

        def prove(rule: "PolicyRule") -> str | None:
            return proven_by_loader(rule, Path(folder))

        try:
            drafted = await draft_rules(
                model, parsed, tools, prove, lambda clause: print(f"§{clause} …", file=sys.stderr)
            )
        finally:
            await model.close()
    return drafted, parsed


def proven_by_loader(rule: "PolicyRule", folder: Path) -> str | None:
    """What loading the rule from a policy file of its own, in `folder`, finds wrong."""
    import yaml  # noqa: PLC0415 - costs start-up time

    from copilot.adapters.yaml_files import load_policies  # noqa: PLC0415

    file = folder / "proposed.yaml"
    content = {"policy": "proposed", "title": "Proposed", "rules": [_dumped(rule)]}
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    try:
        load_policies(folder, require_signature=False)
    except ConfigurationError as error:
        return error.message
    return None


def _print(table: "Table") -> None:
    from rich.console import Console  # noqa: PLC0415 - costs start-up time

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
