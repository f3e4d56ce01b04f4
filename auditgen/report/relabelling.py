"""Labels by people in words, written for somebody who has never heard of kappa."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.diagnostics import printable
from auditgen.indicators import Quantity
from auditgen.indicators.inference.agreement import KappaUndefined
from auditgen.indicators.inference.proportions import clopper_pearson, wilson
from auditgen.indicators.labelling import CANNOT_TELL
from auditgen.indicators.relabelling import Refused
from auditgen.report import words
from auditgen.report.figures import Status
from auditgen.report.relabelled import CodedFile, CodedLine, RelabelView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.assessment import Assessment
    from auditgen.assessment.relabelled import RelabelRecord
    from auditgen.indicators import Measured
    from auditgen.indicators.inference.agreement import Agreement, Kappa
    from auditgen.indicators.inference.proportions import Interval
    from auditgen.indicators.relabelling import Estimate, Relabelling

USED = Status(code="used", word="used", tone="comment")
NOT_USED = Status(code="not_used", word="not used", tone="bad")
NOTES = (
    "The sample was drawn at random from the answers that the judge decided, so what is found in it holds "
    "for these, within the error that is printed. It says nothing of answers that are not in the evidence.",
    "Which answers were drawn follows from the seed. A seed that was chosen after looking could choose the "
    "sample: ask who set it, and when.",
    "That two people agree does not show that they are right; where both make the same mistake, nothing "
    "here shows it.",
)


def relabel_views(assessment: Assessment) -> tuple[RelabelView, ...]:
    """One view for each block of `relabelled`, in the order of audit.yaml."""
    measured = {c.criterion.id: c.measured for p in assessment.principles for c in p.criteria}
    measured |= assessment.also_measured
    return tuple(_view(record, measured[record.block.criterion]) for record in assessment.register.relabelled)


def _view(record: RelabelRecord, measured: Measured) -> RelabelView:
    files = tuple(
        CodedFile(name=printable(f.name), sha256=f.sha256, by=printable(f.by)) for f in record.files
    )
    block, result = record.block, record.result
    if result is None or not isinstance(measured, Quantity):
        return RelabelView(
            id=block.id,
            measure_id=block.criterion,
            status=NOT_USED,
            text=f"Nothing in these workbooks counts: {'; '.join(record.faults)}.",
            sample="",
            lines=(),
            notes=(),
            seed=None,
            drawn=None,
            population=None,
            files=files,
        )
    coders = [file.by for file in files]
    third = f"; {coders[2]} decided where they differed" if len(coders) > 2 else ""
    return RelabelView(
        id=block.id,
        measure_id=block.criterion,
        status=USED,
        text=f"{coders[0]} and {coders[1]} labelled the same answers independently, without seeing what the "
        f"judge had found{third}.",
        sample=_sample(record, result),
        lines=tuple(_lines(record, result, measured)),
        notes=(*NOTES, *_notes(result)),
        seed=record.seed,
        drawn=result.drawn,
        population=record.population,
        files=files,
    )


def _sample(record: RelabelRecord, result: Relabelling) -> str:
    yes, no = record.words
    settled = result.drawn - result.without_reference
    text = (
        f"{words.count(result.drawn)} of {words.count(record.population)} answers, drawn at random with seed "
        f"{record.seed}; labels: {_quoted(yes)}, {_quoted(no)}, {_quoted(CANNOT_TELL)}. "
        f"{words.count(settled)} have a reference label"
    )
    if result.adjudicated:
        text += f", {words.count(result.adjudicated)} of them from the adjudicator"
    if result.without_reference:
        text += f"; {words.count(result.without_reference)} have none and count the bad way in the worst case"
    return f"{text}."


def _notes(result: Relabelling) -> Iterator[str]:
    stage = result.stage
    if stage.sure[1]:
        yield (
            "Taken as they are, because they rest on something else than a judge: "
            f"{words.plural(stage.sure[1], 'decided record')}."
        )
    if stage.unknown:
        yield (
            f"{words.plural(stage.unknown, 'record')} could not be checked by anybody (no text, undecided, "
            "failed or missing) and count the bad way in the worst case."
        )
    if stage.spread > 1:
        yield "Repeats of one prompt say less than as many prompts; the intervals of the rates allow for it."


def _lines(record: RelabelRecord, result: Relabelling, quantity: Quantity) -> Iterator[CodedLine]:
    level = result.stage.confidence
    between, judge = result.between, result.accuracy
    yes, no = record.words
    yield _share(
        "coders-agree",
        "The two coders agree",
        between.agreeing,
        between.pairs,
        "answers",
        level,
        f"Of the answers that both labelled {_quoted(yes)} or {_quoted(no)}. Left out: "
        f"{words.count(between.invalid_either)} of {words.count(result.drawn)}, which a coder could not tell "
        "or left empty.",
        exact=False,
    )
    yield _kappa_line(
        "coders-kappa", "Cohen's kappa between the coders", between, result.between_kappa, level
    )
    yield _share(
        "sensitivity",
        "Sensitivity of the judge",
        judge.hits,
        judge.positives,
        "answers",
        level,
        f"Of the answers with the reference label {_quoted(yes)}, the judge took so many for the same.",
    )
    yield _share(
        "specificity",
        "Specificity of the judge",
        judge.correct_rejections,
        judge.negatives,
        "answers",
        level,
        f"Of the answers with the reference label {_quoted(no)}, the judge took so many for the same.",
    )
    yield _kappa_line(
        "judge-kappa", "Cohen's kappa between judge and people", result.with_judge, result.judge_kappa, level
    )
    [arm] = quantity.arms
    yield CodedLine(
        code="raw",
        name="The rate as the judge labelled it",
        text=words.rate_text(arm, quantity.request.indicator.noun, level),
        meaning="As if the judge made no mistake.",
        numerator=arm.numerator,
        denominator=arm.denominator,
        estimate=arm.estimate,
        lower=arm.interval.lower,
        upper=arm.interval.upper,
    )
    for code, name, found, meaning in (
        (
            "corrected",
            "The rate corrected for the judge's errors",
            result.corrected,
            "By sensitivity and specificity (Rogan and Gladen), with the errors of both in the interval.",
        ),
        (
            "powered",
            "A second opinion on the corrected rate",
            result.powered,
            "The judge's rate moved by how far it is off on average in the sample (prediction-powered mean).",
        ),
        (
            "people",
            "The rate by people's labels alone",
            result.people,
            "From the sample only, as if no judge had been asked.",
        ),
        (
            "worst",
            "What counts for the verdict",
            result.worst,
            "The less favourable of the two corrected rates; people's labels alone stand in for the first "
            "where the sample cannot show both sensitivity and specificity. Answers without a reference "
            "label are taken whichever way is worse, and records that nobody could check the bad way.",
        ),
    ):
        yield _rate(code, name, found, meaning, result)


def _share(
    code: str, name: str, k: int, n: int, noun: str, level: float, meaning: str, *, exact: bool = True
) -> CodedLine:
    if not n:
        return CodedLine(code=code, name=name, text="no number: no answer of this kind", meaning=meaning)
    interval = (clopper_pearson if exact else wilson)(k, n, level)
    text = f"{words.count(k)}/{words.count(n)} {noun}, {_interval(k / n, interval)}"
    return CodedLine(
        code=code,
        name=name,
        text=text,
        meaning=meaning,
        numerator=k,
        denominator=n,
        estimate=k / n,
        lower=interval.lower,
        upper=interval.upper,
    )


def _quoted(word: str) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{word}\N{RIGHT DOUBLE QUOTATION MARK}"


def _interval(estimate: float, interval: Interval) -> str:
    places = words.decimals_for(estimate)
    level = f"{round(interval.confidence * 100, 1):g} % CI"
    return (
        f"{words.percent(estimate, places)}, {level} {words.bounds(interval.lower, interval.upper, places)}"
    )


def _kappa_line(code: str, name: str, table: Agreement, kappa: Kappa | None, level: float) -> CodedLine:
    meaning = "Agreement beyond what chance alone would give: 1 is complete, 0 is no more than chance."
    if kappa is None:
        why = "one label only was used" if table.pairs else "no answer has both labels"
        return CodedLine(code=code, name=name, text=f"no number: {why}", meaning=meaning)
    text = f"{_kappa(kappa.value)} over {words.plural(kappa.pairs, 'answer')}"
    lower = upper = None
    try:
        found = kappa.interval(level)
        lower, upper = found.lower, found.upper
        text += f", {round(level * 100, 1):g} % CI [{_kappa(lower)}, {_kappa(upper)}]"
    except KappaUndefined:
        text += ", no interval: not one answer differs, so no error can be seen"
    return CodedLine(
        code=code,
        name=name,
        text=text,
        meaning=meaning,
        denominator=kappa.pairs,
        estimate=kappa.value,
        lower=lower,
        upper=upper,
    )


def _kappa(value: float) -> str:
    return f"{value:.2f}".replace("-", words.MINUS)


def _rate(code: str, name: str, found: Estimate | Refused, meaning: str, result: Relabelling) -> CodedLine:
    if isinstance(found, Refused):
        text = f"refused: {found.message}"
        return CodedLine(code=code, name=name, text=text, meaning=meaning)
    stage = result.stage
    of = stage.decided + (stage.unknown if code == "worst" else 0)
    labelled = result.drawn - result.without_reference
    text = (
        f"{_interval(found.estimate, found.interval)}, of {words.plural(of, 'record')}, "
        f"{words.count(labelled)} labelled by people"
    )
    return CodedLine(
        code=code,
        name=name,
        text=text,
        meaning=meaning,
        denominator=of,
        estimate=found.estimate,
        lower=found.interval.lower,
        upper=found.interval.upper,
    )
