"""The demo company's articles agree with each other, and the evaluation's quotes stand in them."""

import csv
import re
from collections import Counter
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ARTICLES = ROOT / "knowledge" / "articles"
SOURCES = ROOT / "knowledge" / "sources"
TODAY = date(2026, 11, 23)

KEYS = {
    "id", "title", "version", "kind", "audience", "locale", "product", "tags", "owner", "review_on",
    "valid_from", "valid_to", "superseded_by",
}  # fmt: skip
KINDS = {"policy", "product", "troubleshooting", "known_issue", "notice", "faq", "internal", "article"}
DATES = ("review_on", "valid_from", "valid_to")


class Article(NamedTuple):
    path: Path
    metadata: dict[str, Any]
    text: str

    @property
    def id(self) -> str:
        return self.metadata.get("id", self.path.stem)

    @property
    def version(self) -> str:
        return self.metadata.get("version", "1")


class _Page(HTMLParser):
    """Collects the copilot meta elements and the text inside <main>."""

    def __init__(self):
        super().__init__()
        self.metadata = {}
        self.words = []
        self.in_main = False

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.in_main |= tag == "main"
        if tag == "meta" and (name := attributes.get("name", "")).startswith("copilot:"):
            self.metadata[name.removeprefix("copilot:")] = attributes["content"]

    def handle_endtag(self, tag):
        self.in_main &= tag != "main"

    def handle_data(self, data):
        if self.in_main:
            self.words.append(data)


def read_front_matter(path: Path) -> tuple[dict[str, Any], str]:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def read_page(path: Path) -> tuple[dict[str, Any], str]:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    metadata = dict(page.metadata)
    metadata["tags"] = [tag.strip() for tag in metadata["tags"].split(",")]
    for key in DATES:
        if key in metadata:
            metadata[key] = date.fromisoformat(metadata[key])
    return metadata, "".join(page.words)


def read_side_file(path: Path) -> dict[str, Any]:
    return yaml.safe_load((path.parent / f"{path.name}.yaml").read_text(encoding="utf-8"))


def read_table(path: Path) -> tuple[dict[str, Any], str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return read_side_file(path), "\n".join(f"{row['question']} {row['answer']}" for row in rows)


def read_made_from_source(path: Path) -> tuple[dict[str, Any], str]:
    _, text = read_front_matter(SOURCES / f"{path.stem}.txt")
    return read_side_file(path), text


READERS = {
    ".md": read_front_matter,
    ".html": read_page,
    ".csv": read_table,
    ".pdf": read_made_from_source,
    ".docx": read_made_from_source,
}


@cache
def articles() -> tuple[Article, ...]:
    paths = sorted(path for path in ARTICLES.rglob("*.*") if path.suffix != ".yaml")
    return tuple(Article(path, *READERS[path.suffix](path)) for path in paths)


@cache
def questions() -> tuple[dict[str, Any], ...]:
    return tuple(yaml.safe_load((ROOT / "evals" / "questions.yaml").read_text(encoding="utf-8")))


def find(document: str, version: str) -> Article:
    return next(a for a in articles() if (a.id, a.version) == (document, version))


def clause(article: Article, number: str) -> str:
    match = re.search(rf"^### {re.escape(number)} .+?(?=^#|\Z)", article.text, re.MULTILINE | re.DOTALL)
    assert match, f"{article.path.name} has no clause {number}"
    return match[0]


def normalized(text: str) -> str:
    return " ".join(text.split())


def test_there_are_enough_documents_in_every_format():
    formats = Counter(article.path.suffix for article in articles())

    assert formats.total() >= 65
    assert formats[".md"] > formats.total() / 2
    assert formats[".html"] >= 6
    assert formats[".pdf"] >= 4
    assert formats[".docx"] >= 4
    assert formats[".csv"] >= 2


@pytest.mark.parametrize("article", articles(), ids=lambda a: a.path.name)
def test_metadata_has_only_known_keys_and_values(article):
    metadata = article.metadata

    assert set(metadata) <= KEYS
    assert all(isinstance(metadata[key], date) for key in DATES if key in metadata)
    assert all(
        isinstance(metadata[key], str) for key in ("id", "version", "superseded_by") if key in metadata
    )
    if article.path.suffix != ".csv":
        assert metadata["title"]
        assert metadata["kind"] in KINDS
        assert metadata["audience"] == ("internal" if article.path.parent.name == "internal" else "public")
        assert metadata["tags"]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", article.id)


def test_csv_rows_are_complete():
    for path in ARTICLES.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        assert len(rows) >= 15
        for row in rows:
            assert list(row) == ["question", "answer", "tags", "audience", "locale"]
            assert all(row.values())
            assert row["audience"] in {"public", "internal"}


def test_each_version_of_a_document_exists_once():
    counts = Counter((article.id, article.version) for article in articles())

    assert [key for key, count in counts.items() if count > 1] == []


def test_older_versions_end_the_day_before_the_next_begins():
    older = [article for article in articles() if "superseded_by" in article.metadata]

    assert len(older) >= 3
    for article in older:
        successor = find(article.id, article.metadata["superseded_by"])
        gap = successor.metadata["valid_from"] - article.metadata["valid_to"]
        assert gap.days == 1, f"{article.path.name} does not meet {successor.path.name}"


@pytest.mark.parametrize(
    ("place", "before", "now"),
    [
        ("returns-policy 2→3 §3.2", "within 14 days of delivery", "within 30 days of delivery"),
        ("returns-policy 2→3 §3.3", "within 30 days of delivery", "within 60 days of delivery"),
        ("returns-policy 2→3 §4.1", "within 7 days of delivery", "within 14 days of delivery"),
        ("returns-policy 2→3 §4.2", "$8.00", "$6.50"),
        ("refunds-policy 1→2 §2.2", "10 business days", "5 business days"),
        ("refunds-policy 1→2 §3.2", "$25", "$50"),
        ("refunds-policy 1→2 §3.3", "$150", "$200"),
        ("shipping-policy 2→3 §1.1", "$4.95", "$6.95"),
        ("shipping-policy 2→3 §1.2", "$50", "$75"),
        ("warranty-policy 1→2 §2.1", "garden power: 2 years", "garden power: 3 years"),
        ("warranty-policy 1→2 §2.1", "home comfort: 1 year", "home comfort: 2 years"),
        ("warranty-policy 1→2 §3.2", "covered for 1 year", "covered for 2 years or 500 charge cycles"),
        ("payments-policy 1→2 §2.2", "within 7 days", "within 14 days"),
        ("loyalty-policy 1→2 §2.3", "12 months", "18 months"),
    ],
)
def test_policy_versions_differ_in_the_numbers_that_matter(place, before, now):
    document, versions, number = place.split()
    old, new = (clause(find(document, version), number.removeprefix("§")) for version in versions.split("→"))

    assert before in old
    assert before not in new
    assert now in new
    assert now not in old


def test_the_deliberate_faults_are_there():
    stale_faq = find("returns-faq", "1")
    assert "14 days" in stale_faq.text
    assert "valid_to" not in stale_faq.metadata
    assert find("holiday-returns-2025", "1").metadata["valid_to"] < TODAY
    assert "24 months" in find("loyalty-blog", "1").text
    assert "Ignore all previous rules" in find("vendor-note-fire-pit", "1").text
    assert find("brewhaven-care-2022", "1").metadata["review_on"] < date(2024, 1, 1)
    twin = find("shipping-and-delivery", "1").text
    shared = [
        line
        for line in find("shipping-faq", "1").text.splitlines()
        if line and normalized(line) in normalized(twin)
    ]
    assert len(shared) >= 3


def test_a_table_has_ten_rows_or_more():
    rows = [line for line in find("camping-comparison", "1").text.splitlines() if line.startswith("|")]

    assert len(rows) - 2 >= 10


def test_there_are_enough_questions_and_each_is_asked_once():
    kinds = Counter(question["kind"] for question in questions())

    assert kinds["answerable"] >= 85
    assert kinds["unanswerable"] >= 35
    assert len({question["question"].casefold() for question in questions()}) == kinds.total()


@pytest.mark.parametrize(
    "question",
    [question for question in questions() if question["kind"] == "answerable"],
    ids=lambda question: question["question"][:40],
)
def test_the_quote_stands_in_its_document(question):
    candidates = [
        article
        for article in articles()
        if article.id == question["document"] and article.version == question.get("version", article.version)
    ]
    as_of = question.get("as_of", TODAY)
    if isinstance(as_of, str):
        as_of = date.fromisoformat(as_of)

    assert len(candidates) == 1, "names one version of one document"
    (article,) = candidates
    assert normalized(question["quote"]) in normalized(article.text)
    assert article.metadata.get("valid_from", as_of) <= as_of <= article.metadata.get("valid_to", as_of)
    assert article.metadata.get("audience") != "internal", (
        "customers are not answered from internal documents"
    )
    assert article.id != "vendor-note-fire-pit", (
        "a document with an injected instruction is kept out of search"
    )
    for other in question.get("also", []):
        assert other in {known.id for known in articles()}


def test_questions_reach_every_format():
    by_id = {article.id: article for article in articles()}
    formats = Counter(by_id[q["document"]].path.suffix for q in questions() if q["kind"] == "answerable")

    assert set(formats) == {".md", ".html", ".pdf", ".docx", ".csv"}
    assert min(formats.values()) >= 4
