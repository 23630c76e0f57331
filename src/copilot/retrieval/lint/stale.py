"""Pages whose time is over: past their last day or their review, or not touched for years."""

from collections.abc import Iterator
from datetime import date, timedelta

from copilot.domain.care import Finding, LintCheck, Severity
from copilot.domain.knowledge import KnowledgeDocument
from copilot.retrieval.lint.corpus import Corpus, place_of

LONG_OVERDUE = timedelta(days=365)
LONG_UNTOUCHED = timedelta(days=3 * 365)


def find_stale(corpus: Corpus) -> Iterator[Finding]:
    for versions in corpus.by_name.values():
        in_force = [version for version in versions if version.id in corpus.current]
        for document in versions:
            if document.id in corpus.current:
                yield from _overdue(document, corpus.today)
            elif document.quarantined is None and not in_force:
                yield from _gone(document, versions, corpus.today)
            if document.superseded_by and not _known(document.superseded_by, versions, corpus):
                yield _finding(
                    document,
                    Severity.ERROR,
                    f"It is superseded by {document.superseded_by}, which is not there.",
                )


def _overdue(document: KnowledgeDocument, today: date) -> Iterator[Finding]:
    if document.review_on is not None and document.review_on < today:
        late = today - document.review_on
        severity = Severity.ERROR if late > LONG_OVERDUE else Severity.WARNING
        whose = f" by {document.owner}" if document.owner else ""
        message = f"It was to be reviewed{whose} on {document.review_on}, {late.days} days ago."
        yield _finding(document, severity, message)
    elif (
        document.review_on is None
        and document.valid_from is not None
        and today - document.valid_from > LONG_UNTOUCHED
    ):
        message = f"It is unchanged since {document.valid_from}, and no review is planned."
        yield _finding(document, Severity.WARNING, message)


def _gone(document: KnowledgeDocument, versions: list[KnowledgeDocument], today: date) -> Iterator[Finding]:
    """Of a document that no version answers for today: said once, of the version that ended last."""
    ended = [version for version in versions if version.valid_to is not None and version.valid_to < today]
    last = max(ended, key=lambda version: (version.valid_to or date.min, version.id), default=None)
    if last is not None and document.id == last.id and not last.superseded_by:
        yield _finding(document, Severity.NOTICE, f"It ended on {document.valid_to}, and nothing follows it.")


def _known(name: str, versions: list[KnowledgeDocument], corpus: Corpus) -> bool:
    """`superseded_by` names a version of the same document, or another document."""
    return name in corpus.by_name or any(version.version == name for version in versions)


def _finding(document: KnowledgeDocument, severity: Severity, message: str) -> Finding:
    return Finding(check=LintCheck.STALE, severity=severity, message=message, places=(place_of(document),))
