"""`pii`: personal data that masking finds, and what it takes for such though it is none."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from copilot.assist.redaction import find_personal_data
from copilot.bootstrap.privacy import name_finder
from copilot.domain.knowledge import Refusal
from copilot.domain.privacy import PersonalData
from copilot.evaluation.kinds.cases import Forgetful, mean, rounded, score_all
from copilot.evaluation.kinds.kind import CaseMemory, CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import DataRow, Row, data_files, nothing_to_score, read_rows, sample
from copilot.evaluation.workbench import settings_for

_WHAT = "JSON Lines with `text`, and `spans` or `expected_spans`"
_NAMES = {
    "CREDIT_CARD": "CARD",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "IBAN",
    "PHONE_NUMBER": "PHONE",
    "STREET_ADDRESS": "ADDRESS",
    "US_SSN": "SSN",
}
"""What data sets call the kinds that redaction knows by name."""
CLAIMED = frozenset({*_NAMES.values(), "CVV", "PASSWORD"})
"""The kinds that redaction says it masks; recall over these alone is `recall_claimed`."""
CHECKED = frozenset(
    """ABA_ROUTING_NUMBER AU_ABN AU_ACN AU_MEDICARE AU_TFN CARD CRYPTO DE_BSNR DE_HEALTH_INSURANCE DE_ID_CARD
    DE_LANR DE_PASSPORT DE_SOCIAL_SECURITY DE_TAX_ID DE_VAT_ID ES_NIE ES_NIF FI_PERSONAL_IDENTITY_CODE IBAN
    IN_AADHAAR IN_GSTIN IT_FISCAL_CODE IT_VAT_CODE KR_BRN KR_FRN KR_RRN MEDICAL_LICENSE NG_NIN UK_NHS PL_PESEL
    SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_UEN TH_TNIN TR_NATIONAL_ID US_NPI ZA_ID_NUMBER
    """.split()  # noqa: SIM905 - a list of words reads as words
)
"""The kinds that carry check digits; recall over these alone is `recall_checked`."""


class _Span(DataRow):
    start: int
    end: int
    type: str


class PiiRow(DataRow):
    """A text with its `spans`, or a recogniser's vector (`entity`, `expected_len`, `expected_spans`)."""

    text: str
    id: str | None = None
    spans: tuple[_Span, ...] | None = None
    entity: str | None = None
    recognizer: str = ""
    expected_len: int | None = None
    expected_spans: tuple[tuple[int, int], ...] | None = None

    @property
    def wanted(self) -> tuple[tuple[int, int, str], ...]:
        """(start, end, type) of everything to be masked; a vector without places is personal as a whole."""
        if self.spans is not None:
            return tuple((s.start, s.end, s.type) for s in self.spans)
        kind = self.entity or self.recognizer or "UNNAMED"
        if self.expected_spans:
            return tuple((start, end, kind) for start, end in self.expected_spans)
        return ((0, len(self.text), kind),) if self.expected_len else ()

    @property
    def placed(self) -> bool:
        """Whether it says where; of the others any piece found will do."""
        return self.spans is not None or bool(self.expected_spans)


@dataclass(frozen=True)
class _Text:
    id: str
    row: PiiRow
    source: str
    key: str

    @property
    def slices(self) -> dict[str, str]:
        kinds = {kind for _, _, kind in self.row.wanted} or {self.row.entity or "none"}
        return {"source": self.source, "type": kinds.pop() if len(kinds) == 1 else "several"}


class PiiKind:
    """Recall by type of what must be masked, precision, and false alarms on texts that hold none of it."""

    name = "pii"

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        return await self.resume(options, on_progress, Forgetful())

    async def resume(self, options: KindOptions, on_progress: OnProgress, memory: CaseMemory) -> KindResult:
        texts: list[_Text] = []
        refused: list[Refusal] = []
        for file in data_files(options.data, "*.jsonl", _WHAT):
            rows, bad = read_rows(file, PiiRow)
            refused += bad
            for number, row in enumerate(rows, start=1):
                if (problem := _problem(row)) is not None:
                    refused.append(problem)
                else:
                    name = row.value.id or f"{file.stem} {number}"
                    texts.append(_Text(name, row.value, file.stem, row.digest))
        if not texts:
            raise nothing_to_score(options.data, refused, _WHAT)

        settings = settings_for(options.system)
        async with name_finder(settings) if settings.mask_names else nullcontext() as finder:

            async def score(case: _Text) -> CaseResult:
                found = find_personal_data(case.row.text)
                if finder is not None:
                    found += (await finder.find([case.row.text]))[0]
                return _scored(case, found)

            cases = await score_all(sample(texts, options.limit, options.seed), score, on_progress, memory)
        return KindResult(
            figures=rounded(_figures(cases)),
            cases=tuple(cases),
            refused=tuple(refused),
            notes=(
                "a span counts as found when every letter and digit of it is masked",
                "where a row does not say where it is, any piece found will do",
                f"names are {'' if settings.mask_names else 'not '}looked for (COPILOT_MASK_NAMES)",
                "negatives of one recogniser may hold what another one rightly finds",
            ),
        )


def _problem(row: Row[PiiRow]) -> Refusal | None:
    value = row.value
    if value.spans is None and value.expected_spans is None and value.expected_len is None:
        return Refusal(
            source=row.place, reason="it says of no span whether there is one.", hint=f"Expected {_WHAT}."
        )
    for start, end, _ in value.wanted:
        if not 0 <= start < end <= len(value.text):
            reason = f"the span {start} to {end} is outside its text of {len(value.text)} characters."
            return Refusal(source=row.place, reason=reason)
    return None


def _scored(case: _Text, found: Sequence[PersonalData]) -> CaseResult:
    text, wanted = case.row.text, case.row.wanted
    masked = {at for piece in found for at in range(piece.start, piece.end)}
    sensitive = {at for start, end, _ in wanted for at in range(start, end)}
    missed, by_type = [], dict[str, list[bool]]()
    for start, end, kind in wanted:
        hit = all(at in masked for at in range(start, end) if text[at].isalnum())
        if not case.row.placed:
            hit = bool(found)
        by_type.setdefault(_NAMES.get(kind, kind), []).append(hit)
        if not hit:
            missed.append(f"{kind}: {text[start:end]}")
    right = [any(at in sensitive for at in range(p.start, p.end)) for p in found]
    every = [hit for hits in by_type.values() for hit in hits]
    claimed = [hit for kind, hits in by_type.items() if kind in CLAIMED for hit in hits]
    scores: dict[str, float | None] = {
        "recall": _share(every),
        "recall_claimed": _share(claimed),
        "precision": _share(right),
        "false_alarm": None if wanted else float(bool(found)),
        # Sums, so that figures are over spans and not over texts.
        "spans": float(len(every)),
        "spans_found": float(sum(every)),
        "pieces": float(len(found)),
        "pieces_right": float(sum(right)),
    }
    for kind, hits in by_type.items():
        scores[f"spans {kind}"] = float(len(hits))
        scores[f"spans_found {kind}"] = float(sum(hits))
    evidence = {
        "text": text,
        "missed": missed,
        "taken wrongly": [
            f"{p.kind}: {text[p.start : p.end]}" for p, good in zip(found, right, strict=True) if not good
        ],
    }
    return CaseResult(id=case.id, scores=scores, slices=case.slices, evidence=evidence)


def _figures(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    types = sorted({n.removeprefix("spans ") for c in cases for n in c.scores if n.startswith("spans ")})
    claimed = [kind for kind in types if kind in CLAIMED]
    checked = [kind for kind in types if kind in CHECKED]
    figures = {
        "recall": _ratio(cases, ["spans_found"], ["spans"]),
        "recall_claimed": _ratio(
            cases, [f"spans_found {kind}" for kind in claimed], [f"spans {kind}" for kind in claimed]
        ),
        "recall_checked": _ratio(
            cases, [f"spans_found {kind}" for kind in checked], [f"spans {kind}" for kind in checked]
        ),
        "precision": _ratio(cases, ["pieces_right"], ["pieces"]),
        "false_alarm_rate": mean(cases, "false_alarm"),
        "spans": _sum(cases, ["spans"]),
        "negatives": float(sum(case.scores.get("false_alarm") is not None for case in cases)),
    }
    for kind in types:
        figures[f"recall_{kind}"] = _ratio(cases, [f"spans_found {kind}"], [f"spans {kind}"])
    return figures


def _ratio(cases: Sequence[CaseResult], part: Sequence[str], whole: Sequence[str]) -> float | None:
    total = _sum(cases, whole)
    return _sum(cases, part) / total if total else None


def _sum(cases: Sequence[CaseResult], names: Sequence[str]) -> float:
    return sum(case.scores.get(name) or 0.0 for case in cases for name in names)


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
