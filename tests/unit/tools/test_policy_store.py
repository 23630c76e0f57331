"""Rules over the clauses of the moment: what is ingested while the server runs counts at once."""

import pytest
from tests.unit.tools.desk import desk
from tests.unit.tools.rules import REFUNDS, document, policy_set, render_text

from copilot.domain.actions import PolicyOutcome
from copilot.domain.errors import ConfigurationError, NotFound
from copilot.domain.knowledge import KnowledgeDocument
from copilot.domain.policy import clauses_of
from copilot.tools.policy_store import StoredPolicies, save_policies

GOODWILL, LARGER, YEAR = "up to $200", "above $100", "$500 a year"


class Knowledge:
    """The parts of a knowledge store that policies need."""

    def __init__(self):
        self.artifacts, self.documents, self.reads = {}, {}, 0

    def put(self, *documents):
        for parsed in documents:
            fields = parsed.model_dump() | {
                "id": "doc",
                "tenant_id": "larkfield",
                "content_hash": parsed.text,
            }
            self.documents[parsed.external_id, parsed.version] = KnowledgeDocument.model_validate(fields)

    async def put_artifact(self, tenant_id, name, version, content):
        self.artifacts[tenant_id, name] = version, content

    async def get_artifact(self, tenant_id, name):
        return self.artifacts.get((tenant_id, name))

    async def content_hashes(self, tenant_id):
        return {key: d.content_hash for key, d in self.documents.items()}

    async def get_document(self, tenant_id, external_id, version):
        self.reads += 1
        if (external_id, version) not in self.documents:
            raise NotFound("no document")
        return self.documents[external_id, version]


def refunds_policy(goodwill=GOODWILL):
    return document("refunds-policy", "2", _3_2=goodwill, _3_3=LARGER, _3_4="lost", _3_6=YEAR)


@pytest.fixture
async def knowledge():
    store = Knowledge()
    cancellation = document("cancellation-policy", "1", _1_1="free")
    store.put(refunds_policy(), cancellation)
    clauses = clauses_of(refunds_policy()) | clauses_of(cancellation)
    await save_policies(store, "larkfield", [policy_set(REFUNDS, "refunds", clauses)])
    return store


async def test_a_clause_that_changes_while_the_server_runs_flags_its_rules_at_once(knowledge):
    policy = StoredPolicies(knowledge, render_text, looks_every=0)
    d = desk(policy=policy)
    assert (await d.propose()).decision.outcome is PolicyOutcome.ALLOW
    knowledge.put(refunds_policy("up to $50"))
    assert [flag.rule for flag in (await policy.engine("larkfield")).flags()] == ["refunds.goodwill"]
    other = await d.propose({"order_id": "LF-1004820", "amount": "21", "reason": "goodwill"})
    assert other.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
    assert other.decision.findings[0].clause.quote == "up to $50"
    knowledge.put(refunds_policy())
    assert (await policy.engine("larkfield")).flags() == []


async def test_each_tenant_goes_by_its_own_rules(knowledge):
    policy = StoredPolicies(knowledge, render_text)
    knowledge.put(refunds_policy("up to $50"))
    assert [flag.rule for flag in (await policy.engine("larkfield")).flags()] == ["refunds.goodwill"]
    assert (await policy.engine("acme")).flags() == []


async def test_nothing_is_read_again_while_nothing_changes(knowledge):
    policy = StoredPolicies(knowledge, render_text, looks_every=0)
    first = await policy.engine("larkfield")
    reads = knowledge.reads
    assert await policy.engine("larkfield") is first
    assert knowledge.reads == reads


async def test_several_decisions_in_a_moment_look_once(knowledge):
    policy = StoredPolicies(knowledge, render_text, looks_every=60)
    first = await policy.engine("larkfield")
    knowledge.put(refunds_policy("up to $50"))
    assert await policy.engine("larkfield") is first


async def test_a_document_that_goes_flags_its_rules(knowledge):
    policy = StoredPolicies(knowledge, render_text, looks_every=0)
    await policy.engine("larkfield")
    del knowledge.documents["cancellation-policy", "1"]
    (flag,) = (await policy.engine("larkfield")).flags()
    assert (flag.rule, flag.why) == ("cancel.pending", "the clause is gone")


async def test_without_rules_everything_is_denied_and_unreadable_ones_say_so():
    store = Knowledge()
    policy = StoredPolicies(store, render_text, looks_every=0)
    assert (await policy.engine("larkfield")).flags() == []
    await store.put_artifact("larkfield", "policies", "1", b"[{}]")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await policy.engine("larkfield")
