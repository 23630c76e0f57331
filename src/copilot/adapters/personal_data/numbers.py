"""Numbers with check digits, by presidio's recognisers: identity, tax, health and bank numbers of many lands.

Only those that compute a check are used. Presidio's recognisers of mere formats take much for personal that
is not (any "75 f 34" is a number plate to it), and its recogniser of e-mail addresses asks the internet for a
list of domains.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from copilot.domain.privacy import PersonalData

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer

_PLANNED = ("PhoneRecognizer",)
"""No check digits, but the numbering plans of eight countries."""
CHECKED = (
    "AbaRoutingRecognizer",
    "AuAbnRecognizer",
    "AuAcnRecognizer",
    "AuMedicareRecognizer",
    "AuTfnRecognizer",
    "CreditCardRecognizer",
    "CryptoRecognizer",
    "DeBsnrRecognizer",
    "DeHealthInsuranceRecognizer",
    "DeIdCardRecognizer",
    "DeLanrRecognizer",
    "DePassportRecognizer",
    "DeSocialSecurityRecognizer",
    "DeTaxIdRecognizer",
    "DeVatIdRecognizer",
    "EsNieRecognizer",
    "EsNifRecognizer",
    "FiPersonalIdentityCodeRecognizer",
    "IbanRecognizer",
    "InAadhaarRecognizer",
    "InGstinRecognizer",
    "ItFiscalCodeRecognizer",
    "ItVatCodeRecognizer",
    "KrBrnRecognizer",
    "KrFrnRecognizer",
    "KrRrnRecognizer",
    "MedicalLicenseRecognizer",
    "NgNinRecognizer",
    "NhsRecognizer",
    "PlPeselRecognizer",
    "SeOrganisationsnummerRecognizer",
    "SePersonnummerRecognizer",
    "SgUenRecognizer",
    "ThTninRecognizer",
    "TrNationalIdRecognizer",
    "UsNpiRecognizer",
    "ZaIdNumberRecognizer",
)


def load_recognisers() -> "tuple[PatternRecognizer, ...]":
    """Takes about three seconds, most of it the import."""
    from presidio_analyzer import predefined_recognizers as known  # noqa: PLC0415 - the extra `pii`

    return tuple(getattr(known, name)() for name in (*CHECKED, *_PLANNED))


def find_numbers(recognisers: "tuple[PatternRecognizer, ...]", text: str) -> Iterator[PersonalData]:
    """Blocks for about a third of a millisecond a message."""
    for recogniser in recognisers:
        for found in recogniser.analyze(text, recogniser.supported_entities, None) or []:
            yield PersonalData(found.entity_type, found.start, found.end)
