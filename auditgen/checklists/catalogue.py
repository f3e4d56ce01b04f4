"""The evidence catalogue: every kind of evidence a control may ask for, by a short code."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


class EvidenceKind(StrEnum):
    """How a kind of evidence comes to be, which decides how it is judged."""

    METRIC = "metric"
    """An indicator, measured by us from records and judged against a declared threshold."""
    DOCUMENT = "document"
    """What somebody intends or describes; alone it needs review, met needs a dated attestation."""
    RECORD = "record"
    """A trace that something was done (minutes, receipts, change logs); judged like a document."""
    ATTESTATION = "attestation"
    """A statement signed by a named person."""
    INTERVIEW = "interview"
    """What people said or showed; recorded as an attestation."""


EVIDENCE_CODES: dict[str, tuple[EvidenceKind, str]] = {
    "EV-ASR": (EvidenceKind.METRIC, "Attack success rate"),
    "EV-REF": (EvidenceKind.METRIC, "Refusal of what the policy disallows"),
    "EV-ORR": (EvidenceKind.METRIC, "Over-refusal of ordinary requests"),
    "EV-FCR": (EvidenceKind.METRIC, "Forced completion under pressure"),
    "EV-MUG": (EvidenceKind.METRIC, "Monitored-versus-unmonitored compliance gap"),
    "EV-AFR": (EvidenceKind.METRIC, "Alignment-faking reasoning"),
    "EV-EVA": (EvidenceKind.METRIC, "Evaluation awareness"),
    "EV-SBG": (EvidenceKind.METRIC, "Sandbagging gap"),
    "EV-DEC": (EvidenceKind.METRIC, "Deception or manipulation"),
    "EV-ACC": (EvidenceKind.METRIC, "Accuracy on the declared use"),
    "EV-ROB": (EvidenceKind.METRIC, "Degradation under perturbation"),
    "EV-BIA": (EvidenceKind.METRIC, "Group error gaps and impact ratios"),
    "EV-HAL": (EvidenceKind.METRIC, "Confabulated claims"),
    "EV-CAL": (EvidenceKind.METRIC, "Calibration error"),
    "EV-TOX": (EvidenceKind.METRIC, "Harmful content by category"),
    "EV-PII": (EvidenceKind.METRIC, "Leaked or memorised personal data"),
    "EV-CBR": (EvidenceKind.METRIC, "Dangerous-capability results"),
    "EV-AGT": (EvidenceKind.METRIC, "Agent hijack and tool misuse"),
    "EV-IPR": (EvidenceKind.METRIC, "Regurgitated protected content"),
    "EV-WMK": (EvidenceKind.METRIC, "Marking and label detection"),
    "EV-EXT": (EvidenceKind.METRIC, "Effect of safeguards, with against without"),
    "EV-JDG": (EvidenceKind.METRIC, "Grader agreement and error"),
    "EV-DIS": (EvidenceKind.METRIC, "Disclosure of being an AI"),
    "MO-DEV": (EvidenceKind.METRIC, "Deviations from a principle in production"),
    "MO-DRF": (EvidenceKind.METRIC, "Drift against the release baseline"),
    "MO-REF": (EvidenceKind.METRIC, "Refusals in production"),
    "MO-INC": (EvidenceKind.METRIC, "Incidents and reporting delays"),
    "MO-OVR": (EvidenceKind.METRIC, "Human override and stop"),
    "MO-ALR": (EvidenceKind.METRIC, "Delay of automatic responses"),
    "MO-COV": (EvidenceKind.METRIC, "Log coverage and gaps"),
    "MO-FBK": (EvidenceKind.METRIC, "Complaints and their handling"),
    "MO-ABU": (EvidenceKind.METRIC, "Misuse detections and enforcement"),
    "MO-AVL": (EvidenceKind.METRIC, "Consumption and rate limits"),
    "DO-POL": (EvidenceKind.DOCUMENT, "Policy"),
    "DO-RMF": (EvidenceKind.DOCUMENT, "Risk management file or register"),
    "DO-TD": (EvidenceKind.DOCUMENT, "Technical documentation"),
    "DO-MC": (EvidenceKind.DOCUMENT, "Model or system card"),
    "DO-IFU": (EvidenceKind.DOCUMENT, "Instructions for use"),
    "DO-DATA": (EvidenceKind.DOCUMENT, "Data sheets and data governance"),
    "DO-TEVV": (EvidenceKind.DOCUMENT, "Test plan and test report"),
    "DO-SEC": (EvidenceKind.DOCUMENT, "Security assessment"),
    "DO-PMM": (EvidenceKind.DOCUMENT, "Post-market monitoring plan"),
    "DO-IRP": (EvidenceKind.DOCUMENT, "Incident response plan and records"),
    "DO-QMS": (EvidenceKind.DOCUMENT, "Quality or AI management system manual"),
    "DO-LOG": (EvidenceKind.DOCUMENT, "Log and retention configuration"),
    "DO-ORG": (EvidenceKind.DOCUMENT, "Roles and organisation"),
    "DO-TRN": (EvidenceKind.RECORD, "Training and competence records"),
    "DO-SUP": (EvidenceKind.DOCUMENT, "Supplier contracts and due diligence"),
    "DO-DPIA": (EvidenceKind.DOCUMENT, "Data-protection impact assessment"),
    "DO-FRIA": (EvidenceKind.DOCUMENT, "Fundamental-rights or AI impact assessment"),
    "DO-NOT": (EvidenceKind.DOCUMENT, "Notices shown to people"),
    "DO-REG": (EvidenceKind.RECORD, "Filing or registration receipt"),
    "DO-DOC": (EvidenceKind.DOCUMENT, "Conformity assessment and declaration"),
    "DO-FWK": (EvidenceKind.DOCUMENT, "Safety and security framework"),
    "DO-MRP": (EvidenceKind.DOCUMENT, "Safety and security model report"),
    "DO-TRR": (EvidenceKind.DOCUMENT, "Published transparency report"),
    "DO-CPY": (EvidenceKind.DOCUMENT, "Copyright policy"),
    "DO-CLM": (EvidenceKind.DOCUMENT, "Claims register with substantiation"),
    "DO-CHG": (EvidenceKind.RECORD, "Change records"),
    "DO-DEC": (EvidenceKind.RECORD, "Go/no-go or classification decision"),
    "DO-INV": (EvidenceKind.RECORD, "AI system inventory"),
    "DO-AUD": (EvidenceKind.DOCUMENT, "Internal audit report"),
    "DO-MRV": (EvidenceKind.RECORD, "Management review minutes"),
    "DO-WBP": (EvidenceKind.DOCUMENT, "Whistleblower policy and statistics"),
    "AT-MGT": (EvidenceKind.ATTESTATION, "Signed management assertion"),
    "AT-IND": (EvidenceKind.ATTESTATION, "Independent third-party statement"),
    "AT-SGN": (EvidenceKind.ATTESTATION, "Signature of the person responsible for a test report"),
    "IN-OVS": (EvidenceKind.INTERVIEW, "Interview or observation of human overseers"),
    "IN-STF": (EvidenceKind.INTERVIEW, "Interview of staff"),
}
"""The evidence catalogue: every code a control may ask for."""


def _known_code(code: str) -> str:
    if code not in EVIDENCE_CODES:
        raise PydanticCustomError(
            "unknown_code", "unknown evidence code `{code}`", {"code": code, "known": EVIDENCE_CODES}
        )
    return code


EvidenceCode = Annotated[
    str,
    AfterValidator(_known_code),
    WithJsonSchema({"type": "string", "enum": sorted(EVIDENCE_CODES)}),
]
"""One of the catalogue; a published schema lists them, so that an editor can offer them."""
