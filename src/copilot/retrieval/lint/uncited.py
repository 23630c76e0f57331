"""Documents that no card and no reply has ever shown, though there was time enough."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import date, timedelta

from copilot.domain.care import Finding, LintCheck, Severity
from copilot.retrieval.lint.corpus import Corpus, place_of


def find_uncited(
    corpus: Corpus, cited: AbstractSet[str], *, since: date | None, older_than: timedelta
) -> Iterator[Finding]:
    """`cited` are external ids; `since` is the day of the first conversation on record.

    A document counts as old once it has been in force, and conversations on record, for so long.
    """
    if since is None:
        return
    for name, versions in sorted(corpus.by_name.items()):
        current = [version for version in versions if version.id in corpus.current]
        if name in cited or not current:
            continue
        begun = max(since, current[0].valid_from or date.min)
        if corpus.today - begun >= older_than:
            yield Finding(
                check=LintCheck.NEVER_CITED,
                severity=Severity.NOTICE,
                message=f"No answer has cited it since {begun}.",
                places=(place_of(current[0]),),
            )
