"""Documents that are kept out of search, with the sentence that is why."""

from collections.abc import Iterator, Mapping

from copilot.domain.care import Finding, LintCheck, QuarantineDecision, Severity
from copilot.domain.knowledge import KnowledgeDocument
from copilot.retrieval.injection import suspected_injection
from copilot.retrieval.lint.corpus import Corpus, place_of
from copilot.retrieval.sentences import split_sentences


def find_quarantined(
    corpus: Corpus, decisions: Mapping[tuple[str, str], QuarantineDecision]
) -> Iterator[Finding]:
    """An error until somebody has looked; what a person has put there is only listed."""
    for document in corpus.documents.values():
        if document.quarantined is None:
            continue
        decision = decisions.get((document.external_id, document.version))
        if decision is not None and not decision.released:
            severity, message = (
                Severity.NOTICE,
                f"Kept out of search by {decision.by}: {document.quarantined}.",
            )
        else:
            severity, message = Severity.ERROR, f"Kept out of search: it {document.quarantined}."
        yield Finding(
            check=LintCheck.INJECTION,
            severity=severity,
            message=message,
            places=(place_of(document, text=suspect_sentence(document)),),
        )


def suspect_sentence(document: KnowledgeDocument) -> str:
    """The first one that is suspect by itself; empty where only several together are."""
    sentences = (document.text[start:end] for start, end in split_sentences(document.text))
    return next((sentence for sentence in sentences if suspected_injection(sentence)), "")
