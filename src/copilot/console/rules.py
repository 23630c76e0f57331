"""The editor of policies and playbooks: try a text, see what changes, put it in force, go back."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import Response

from copilot.assist.rule_books import EarlierText, PlaybookBook, PolicyBook, Tried, problems_of, text_hash
from copilot.console.forms import needed
from copilot.console.page import Page, PageDep
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from copilot.domain.policy import PolicySet
from copilot.tools.policy import PolicyEngine

policies = page_router("policies", Scope.KNOWLEDGE_WRITE)
playbooks = page_router("playbooks", Scope.KNOWLEDGE_WRITE)

FileName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_.-]*\.yaml$", max_length=90)]
RuleText = Annotated[str, Form(max_length=200_000)]
Hash = Annotated[str, Form(pattern="^([0-9a-f]{64})?$")]
_CONTEXT_LINES = 3

NEW_POLICY = """\
policy: {stem}
title: {title}
rules:
  - id: {stem}.first-rule
    tools: [refund_order]
    outcome: allow
    when: {{fact: call.amount_minor, at_most: 5000}}
    because: "Within the limit"
    clause: {{document: returns-policy, version: "3", clause: "4.1"}}
    examples:
      - {{given: {{call.amount_minor: 4000}}, expect: allow}}
      - {{given: {{call.amount_minor: 6000}}, expect: null}}
"""
NEW_PLAYBOOK = """\
intent: {stem}
title: {title}
description: "When customers want this."
disposition: other
examples:
  - "write at least eight"
steps: []
replies: []
"""


@dataclass(frozen=True)
class RuleRow:
    """A policy rule as the list shows it; `state` is ok, needs review or wrong."""

    id: str
    outcome: str
    clause: str
    document: str
    version: str
    valid_from: Any
    valid_to: Any
    examples: int
    state: str


@dataclass(frozen=True)
class Edited:
    """A file in the editor. `base` is the hash of the text that the edit began with."""

    kind: str
    name: str
    text: str
    base: str
    tried: Tried | None = None
    diff: Sequence[tuple[str, str]] = ()


# ---------------------------------------------------------------- policies


@policies.get("")
async def list_policies(page: PageDep) -> Response:
    book = page.services.books.policies
    problems: tuple[str, ...] = ()
    names = await book.names(page.tenant_id)
    sets: dict[str, PolicySet] = {}
    flags: list[Any] = []
    if names:
        try:
            sets, engine = await book.engine(page.tenant_id)
            flags = engine.flags()
        except ConfigurationError as error:
            problems = problems_of(error)
    return page.render("books/policies.html", names=names, sets=sets, flags=flags, problems=problems)


@policies.get("/{name}")
async def edit_policy(page: PageDep, name: FileName) -> Response:
    return await _show_policy(page, await _opened(page, page.services.books.policies, name, NEW_POLICY))


@policies.post("/{name}/try")
async def try_policy(page: PageDep, name: FileName, text: RuleText, base: Hash = "") -> Response:
    edited = await _tried(page, page.services.books.policies, name, text, base)
    if page.by_htmx:
        return page.render("books/_tried.html", edited=edited)
    return await _show_policy(page, edited)


@policies.post("/{name}/put-in-force")
async def sign_policy(
    page: PageDep,
    name: FileName,
    text: RuleText,
    base: Hash = "",
    *,
    checked: Annotated[bool, Form()] = False,
) -> Response:
    """In the name of whoever is signed in."""
    text = _with_unix_lines(text)
    if not checked:
        return await _refused_policy(page, name, text, base, "Tick the box: you sign what you have checked.")
    try:
        signer = await page.services.books.policies.put_in_force(page.principal, name, text, base)
    except (InvalidInput, Conflict) as error:
        return await _refused_policy(page, name, text, base, *error.message.splitlines(), error.hint)
    return page.go(f"/console/policies/{name}", f"{name} is in force, signed by {signer}.")


@policies.post("/{name}/restore")
async def restore_policy(page: PageDep, name: FileName, earlier: Hash, base: Hash = "") -> Response:
    await page.services.books.policies.restore(page.principal, name, earlier, base)
    return page.go(f"/console/policies/{name}", f"The earlier text of {name} is in force again.")


async def _refused_policy(page: Page, name: str, text: str, base: str, *why: str) -> Response:
    """The editor again, with what was typed."""
    return await _show_policy(page, _refused("policies", name, text, base, why), status=422)


async def _show_policy(page: Page, edited: Edited, status: int = 200) -> Response:
    book = page.services.books.policies
    rows: list[RuleRow] = []
    policy: PolicySet | None = None
    try:
        sets, engine = await book.engine(page.tenant_id)
        policy = sets.get(edited.name)
        rows = rule_rows(policy, engine) if policy else []
    except ConfigurationError:
        pass  # the list of files says what is wrong
    earlier = await book.earlier(page.tenant_id, edited.name)
    return _editor(page, edited, earlier, status=status, rows=rows, policy=policy)


def rule_rows(policy: PolicySet, engine: PolicyEngine) -> list[RuleRow]:
    flagged = {flag.rule for flag in engine.flags()}
    wrong = engine.rule_problems()

    def state(rule: str) -> str:
        if any(f"rule {rule}:" in problem or f"rule {rule}," in problem for problem in wrong):
            return "wrong"
        return "needs review" if rule in flagged else "ok"

    return [
        RuleRow(
            id=rule.id,
            outcome=rule.outcome.value,
            clause=rule.clause.clause,
            document=rule.clause.document,
            version=rule.clause.version,
            valid_from=rule.valid_from,
            valid_to=rule.valid_to,
            examples=len(rule.examples),
            state=state(rule.id),
        )
        for rule in policy.rules
    ]


# ---------------------------------------------------------------- playbooks


@playbooks.get("")
async def list_playbooks(page: PageDep) -> Response:
    book = page.services.books.playbooks
    problems: tuple[str, ...] = ()
    names = await book.names(page.tenant_id)
    found = {}
    if names:
        try:
            found = await book.load(page.tenant_id)
        except ConfigurationError as error:
            problems = problems_of(error)
    return page.render("books/playbooks.html", names=names, found=found, problems=problems)


@playbooks.get("/{name}")
async def edit_playbook(page: PageDep, name: FileName) -> Response:
    return await _show_playbook(page, await _opened(page, page.services.books.playbooks, name, NEW_PLAYBOOK))


@playbooks.post("/{name}/try")
async def try_playbook(page: PageDep, name: FileName, text: RuleText, base: Hash = "") -> Response:
    edited = await _tried(page, page.services.books.playbooks, name, text, base)
    if page.by_htmx:
        return page.render("books/_tried.html", edited=edited)
    return await _show_playbook(page, edited)


@playbooks.post("/{name}/put-in-force")
async def save_playbook(page: PageDep, name: FileName, text: RuleText, base: Hash = "") -> Response:
    text = _with_unix_lines(text)
    try:
        await page.services.books.playbooks.put_in_force(page.principal, name, text, base)
    except (InvalidInput, Conflict) as error:
        refused = _refused("playbooks", name, text, base, (*error.message.splitlines(), error.hint))
        return await _show_playbook(page, refused, status=422)
    return page.go(f"/console/playbooks/{name}", f"{name} is in force from the next turn on.")


@playbooks.post("/{name}/restore")
async def restore_playbook(page: PageDep, name: FileName, earlier: Hash, base: Hash = "") -> Response:
    await page.services.books.playbooks.restore(page.principal, name, earlier, base)
    return page.go(f"/console/playbooks/{name}", f"The earlier text of {name} is in force again.")


async def _show_playbook(page: Page, edited: Edited, status: int = 200) -> Response:
    earlier = await page.services.books.playbooks.earlier(page.tenant_id, edited.name)
    return _editor(page, edited, earlier, status=status, rows=[], policy=None)


# ---------------------------------------------------------------- both


async def _opened(page: Page, book: PolicyBook | PlaybookBook, name: str, template: str) -> Edited:
    """The file, or the beginning of one that is to be."""
    try:
        text = await book.read(page.tenant_id, name)
    except NotFound:
        if page.request.query_params.get("new") is None:
            raise
        stem = name.removesuffix(".yaml")
        text = template.format(stem=stem, title=stem.replace("_", " ").capitalize())
        return Edited(book.kind, name, text, "")
    return Edited(book.kind, name, text, text_hash(text))


def _refused(kind: str, name: str, text: str, base: str, why: Sequence[str]) -> Edited:
    return Edited(kind, name, text, base, Tried(problems=tuple(line for line in why if line)))


async def _tried(page: Page, book: PolicyBook | PlaybookBook, name: str, text: str, base: str) -> Edited:
    text = _with_unix_lines(text)
    tried = await book.attempt(page.tenant_id, name, text)
    try:
        before = await book.read(page.tenant_id, name)
    except NotFound:
        before = ""
    return Edited(book.kind, name, text, base, tried, changed_lines(before, text))


def _editor(
    page: Page,
    edited: Edited,
    earlier: Sequence[EarlierText],
    *,
    status: int,
    rows: Sequence[RuleRow],
    policy: PolicySet | None,
) -> Response:
    return page.render(
        "books/edit.html",
        status=status,
        edited=edited,
        earlier=[(one, changed_lines(edited.text, one.text)) for one in earlier],
        rows=rows,
        policy=policy,
    )


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """(add, del, at or same; the line) of what differs, with the lines around it."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT_LINES)
    tones = {"+": "add", "-": "del", "@": "at"}
    return [(tones.get(line[:1], "same"), line) for line in list(lines)[2:]]


def _with_unix_lines(text: str) -> str:
    """Browsers send CR LF; a hash or a diff over it would say that every line has changed."""
    return text.replace("\r\n", "\n").rstrip("\n") + "\n"


def _new_address(kind: str) -> APIRouter:
    """Where a form with the name of a new file goes to."""
    router = page_router(f"new-{kind}", Scope.KNOWLEDGE_WRITE)

    @router.get("")
    async def begin(page: PageDep, name: Annotated[str, Query(max_length=90)] = "") -> Response:
        stem = needed(name, "The name").lower().removesuffix(".yaml").replace(" ", "_")
        return page.go(f"/console/{kind}/{stem}.yaml?new=1")

    return router


new_policy, new_playbook = _new_address("policies"), _new_address("playbooks")
