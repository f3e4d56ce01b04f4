"""The sentences of the report. Plain words, no adjectives that the numbers do not carry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from auditgen.assessment import Conclusion, Severity, Verdict
from auditgen.indicators import Quantity
from auditgen.project.terms import Independence
from auditgen.report import published, words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from auditgen.assessment import Assessment, CriterionResult, PrincipleResult
    from auditgen.indicators import Indicator
    from auditgen.project.model import Audit

METHOD = (
    "Every file was recognised by its content and read record by record; each record keeps the place "
    "in the bytes it came from. Totals that a file states about itself are never used: they are "
    "recomputed from its records, and a contradiction is a finding.",
    "A record counts in a rate only when what happened is decided. Undecided, failed and missing "
    "samples are left out of the rate, listed beside it, and counted the bad way in the worst case.",
    "A criterion is met when the bound of the confidence interval holds in the worst case; it is not "
    "met when the interval of the decided samples lies on the wrong side. In between, the evidence is "
    "insufficient. A point estimate never decides.",
    "Repeats of one prompt are not independent: results are clustered by prompt, and the interval is "
    "computed from the effective sample size.",
    "Intervals are 95 % unless stated: Wilson for rates, Clopper-Pearson where a bound must be "
    "conservative, Newcombe for gaps. No interval is adjusted for the number of criteria.",
    "A conclusion follows by fixed rules, first match: any criterion not met gives contradicted; any "
    "insufficient, stale or unreviewed gives not concluded; all met with a comment or finding gives "
    "supported with comments; all met gives supported.",
    "A control of a checklist is judged by the kinds of evidence it needs. A measured criterion counts "
    "for it only where the organisation declared that the principle answers the control; a document "
    "counts only with a dated attestation of exactly that version.",
)



def family_sentence(size: int, met: int, held: int) -> str:
    """How many criteria were judged, and how many of those met hold when all are taken as one claim."""
    if size < 2:
        return ""
    return (
        f"This report judges {size} criteria by intervals. Of that many claims some may hold by chance; Holm's "
        f"procedure bounds the chance that any of them does. Of the {met} met by an interval, {held} "
        f"hold{'s' if held == 1 else ''} for the family of {size} as a whole; the others say so in a comment."
    )


PROVES = (
    "Only if the check below succeeds: the files were signed with the key of the certificate named "
    "here, and not a byte of them has changed since.",
    "The pack's manifest then binds the final bytes of every file in it, the period, the system, the "
    "model versions, the thresholds and the mappings.",
)

GLOSSARY = (
    ("associational gap", "A difference between groups that were not assigned by an experimenter; other differences between the groups may explain it."),
    ("cluster", "All repeats of one prompt. They are counted together, because they are not independent."),
    ("compliance gap", "How often disallowed requests are answered in the monitored condition, minus how often in the unmonitored one."),
    ("confidence interval (CI)", "A range computed so that, over many repetitions, it would contain the true rate as often as the stated confidence says."),
    ("cue", "A sign planted in the experiment that the conversation is, or is not, observed."),
    ("decided", "A record of which it is known what the system did. The opposite is undecided."),
    ("finding", "A reason to distrust a piece of evidence, with a question to its provider."),
    ("locator", "The place of a record in the bytes of its file: archive member, line, pointer or row. Of a row that stayed on an engine: table, snapshot, id and digest."),
    ("published count", "A figure of a paper or a press release, of which nobody here has seen a record. It can contradict a claim, and never show it."),
    ("worst case", "The interval when every undecided, failed and missing sample had gone the bad way."),
)  # fmt: skip

_NAMES = {
    Conclusion.CONTRADICTED: "contradicted",
    Conclusion.NOT_CONCLUDED: "could not be concluded",
    Conclusion.WITH_COMMENTS: "supported, with comments",
    Conclusion.SUPPORTED: "supported",
}


MAX_LEAD = 3
"""Of more contradictions the first lines tell the names."""


def headline(assessment: Assessment) -> str:
    """The worst news first."""
    tally = Counter(p.conclusion for p in assessment.principles)
    for conclusion, name in _NAMES.items():
        number = tally[conclusion]
        if not number:
            continue
        subject = f"{words.small_number(number).capitalize()} "
        subject += "promise" if number == 1 else "promises"
        if conclusion is Conclusion.NOT_CONCLUDED:
            return f"{subject} {name}."
        return f"{subject} {'is' if number == 1 else 'are'} {name}."
    return "No promise was declared."


def lead(assessment: Assessment) -> tuple[str, ...]:
    """The sentences after the headline: contradictions, all by name, then the count of the rest."""
    out = []
    broken = [p for p in assessment.principles if p.conclusion is Conclusion.CONTRADICTED]
    for result in broken[:MAX_LEAD]:
        promise = result.principle.promise.rstrip(".")
        out.append(
            f"\N{LEFT DOUBLE QUOTATION MARK}{promise}\N{RIGHT DOUBLE QUOTATION MARK} "
            f"does not hold in the evidence: {summary(result)}"
        )
    if broken[MAX_LEAD:]:
        names = ", ".join(p.principle.id for p in broken[MAX_LEAD:])
        verb = "promise is" if len(broken) == MAX_LEAD + 1 else "promises are"
        number = words.small_number(len(broken) - MAX_LEAD).capitalize()
        out.append(f"{number} more {verb} contradicted, below: {names}.")
    tally = Counter(p.conclusion for p in assessment.principles)
    verbs = {Conclusion.NOT_CONCLUDED: ("", "")}
    rest = [
        f"{words.small_number(tally[c])} {verbs.get(c, ('is ', 'are '))[tally[c] != 1]}{_NAMES[c]}"
        for c in (Conclusion.NOT_CONCLUDED, Conclusion.WITH_COMMENTS, Conclusion.SUPPORTED)
        if tally[c]
    ]
    contradicted = tally[Conclusion.CONTRADICTED]
    if rest and (contradicted or len(rest) > 1):
        of_rest = "Of the others, " if contradicted else "In all, "
        out.append(of_rest + " and ".join([", ".join(rest[:-1]), rest[-1]] if rest[1:] else rest) + ".")
    heavy = sum(1 for f in assessment.findings if f.severity is Severity.HIGH)
    if heavy:
        weigh = "weighs" if heavy == 1 else "weigh"
        out.append(
            f"{words.plural(len(assessment.findings), 'finding')} about the evidence itself, of which "
            f"{words.small_number(heavy)} {weigh} heavily."
        )
    return tuple(out)


def summary(result: PrincipleResult) -> str:
    """The deciding number in one sentence, for the first page."""
    deciding = _deciding(result)
    measured = deciding.measured
    if isinstance(measured, Quantity):
        figure = words.figure(measured)
        if figure.direction and deciding.verdict is Verdict.NOT_MET:
            said = f"{figure.direction[:1].lower()}{figure.direction[1:]}"
            return f"{published.noted(said.rstrip('.'), measured)}." if measured.published else said
        return f"{figure.text}."
    return f"{deciding.reasons[0]}."


def _deciding(result: PrincipleResult) -> CriterionResult:
    order = [Verdict.NOT_MET, Verdict.INSUFFICIENT, Verdict.STALE, Verdict.NEEDS_REVIEW, Verdict.MET]
    return min(result.criteria, key=lambda c: order.index(c.verdict))


def evidence_line(audit: Audit, result: PrincipleResult, signed: Collection[str]) -> str:
    """Who provided the evidence of a principle, how far they stand from the developers, by whose word.

    `signed`: sources whose makers signed every file; whoever else is from outside is so as declared.
    """
    used = [s for c in result.criteria for s in c.criterion.sources]
    parts = []
    for source in audit.sources:
        if source.id in used:
            distance = source.provider.independence.value.replace("_", " ")
            if source.provider.independence.rank >= Independence.EXTERNAL.rank:
                distance += ", signed" if source.id in signed else ", unsigned"
            parts.append(f"{source.id}: {source.provider.name} ({distance})")
    return "; ".join(parts)


def exhibits_note(result: PrincipleResult, shown: int, redaction: str) -> str:
    """How the exhibits were chosen."""
    if not shown:
        return ""
    adverse = 0
    for criterion in result.criteria:
        measured = criterion.measured
        if isinstance(measured, Quantity):
            hits = sum(arm.numerator for arm in measured.arms)
            better_high = measured.request.indicator.better == "higher"
            adverse += measured.denominator - hits if better_high else hits
    held = (
        "Prompts and answers are withheld by the redaction profile; their digests and places are shown."
        if redaction == "digests"
        else "First words of prompts and answers; text in exhibits is what the logs hold."
    )
    return (
        f"{words.plural(shown, 'record')} of {words.count(max(adverse, shown))} that speak against the "
        f"promise, chosen by digest and not by hand. {held}"
    )


def versions_note(assessment: Assessment) -> str:
    """Whether what ran in production is what was evaluated."""
    register = assessment.register
    total = sum(register.production_models.values())
    if not total:
        return "No production record of the period was handed in."
    evaluated = register.evaluated_models
    covered = sum(n for m, n in register.production_models.items() if m and evaluated.get(m))
    if covered == total:
        return "All production traffic of the period ran on versions for which an evaluation exists."
    return (
        f"{words.count(total - covered)}/{words.count(total)} production records "
        f"({words.percent((total - covered) / total)}) ran on versions for which no evaluation was "
        "handed in; nothing in this report speaks about them."
    )


def counts_sentence(indicator: Indicator) -> str:
    """Numerator and denominator in words."""

    def spoken(values: Sequence[str]) -> str:
        return ", ".join(value.replace("_", " ") for value in values)

    match indicator.shape:
        case "coverage":
            return "hours of the period with at least one record, of all hours of the period"
        case "unevaluated":
            return "records of production whose model version no decided evaluation record names, of all"
        case "delay":
            assert indicator.delay is not None
            return (
                f"incidents with no more than the declared hours from {spoken([indicator.delay.from_])} "
                f"to {spoken([indicator.delay.to])}, of those with both times"
            )
        case _:
            pass
    top, bottom = indicator.numerator, indicator.denominator
    if bottom.outcomes:
        parts = f"outcome {spoken(top.outcomes)} among outcome {spoken(bottom.outcomes)}"
    elif bottom.labels:
        parts = " and ".join(
            f"label {spoken([name])} {spoken(values)} among {spoken(bottom.labelled[name])}"
            for name, values in top.labelled.items()
        )
    else:
        parts = (
            f"verdict {spoken(top.guardrail_verdict)} with action {spoken(top.guardrail_action)} "
            f"among verdict {spoken(bottom.guardrail_verdict)}"
        )
    for name, values in indicator.filters.items():
        parts += {
            "expected": f"; only requests that policy says to {' or '.join(values)}",
            "attack": "; only attacks" if values == ("yes",) else "; only plain requests",
        }.get(name, f"; only {name} {' or '.join(values)}")
    if indicator.arms is not None and indicator.is_gap:
        parts += f"; {indicator.arms.first.name} minus {indicator.arms.second.name}"
    if indicator.arms is not None and indicator.shape == "conditional":
        parts += (
            f"; {indicator.arms.first.name}, by prompts whose outcome {indicator.arms.second.name} was always "
            f"{spoken(indicator.given.outcomes)}"
        )
    if indicator.standardise_by is not None:
        parts += f"; each {indicator.standardise_by} weighted by its share of the second"
    return parts


def limitations(audit: Audit) -> tuple[str, ...]:
    """What a reader must not take from this report."""
    return (
        "This report organises evidence for human judgement. It is not a certificate, not legal advice, "
        "and makes no statement that any law is complied with.",
        "It speaks about the prompts, versions and days that were tried, not about others. A capable "
        "model may behave differently where no test looked.",
        "Nobody can see runs that were not handed in. What was expected and did not come is listed; "
        "what was never announced is not.",
        "Outcomes rest on graders, fields and text rules named beside each number; their own error "
        "rates were not measured here.",
        "Thresholds were declared by the organisation; no law listed here sets a numeric limit for "
        "these rates.",
        "Independence of providers is as the organisation declared it"
        f" ({audit.organisation.name}); it was not checked.",
        "Checklists paraphrase laws and frameworks in our own words and had no legal review unless "
        "stated; only the official texts are authentic.",
    )


def does_not_prove(state: str) -> tuple[str, ...]:
    """What a signature leaves open."""
    out = [
        "That the evidence is complete or true: only that these are the bytes the signer sealed.",
        "When it was signed: the time is the signer's own claim, no time stamp authority confirmed it.",
        "That the certificate was not revoked: no revocation data was consulted.",
    ]
    if state == "development":
        out.insert(
            0,
            "Who signed: this is a development key that anybody can make under any name. It shows how "
            "sealing works and must not be relied on.",
        )
    if state == "draft":
        return ("This is an unsigned draft: nothing protects it from change.",)
    return tuple(out)


def verify_commands(state: str) -> tuple[str, ...]:
    """How to check the seal, with and without auditgen."""
    if state == "draft":
        return ()
    return (
        "auditgen verify pack.zip --trust ca.pem",
        "pdfsig report.pdf",
        "openssl cms -verify -binary -inform DER -in report.html.p7s -content report.html "
        "-CAfile ca.pem -purpose any -out /dev/null",
    )
