"""`auditgen standards indicators`: every definition, and one of them with what it needs to be believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditgen.indicators import Indicator, Interval

WIDTH = 96
LIMITS = (0.10, 0.05, 0.02, 0.01, 0.001)
SEEN = (0, 1, 3)
MARGINS = (0.10, 0.05, 0.02)
AROUND = (0.5, 0.1, 0.02)


@click.command("indicators")
@click.argument("name", metavar="[ID]", required=False)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True
)
def command(name: str | None, form: str) -> None:
    """List the indicators, or explain one: what is counted, how it can mislead, how many samples it needs.

    ID is the id of an indicator that ships or the path of a definition of your own.

    \b
    Examples:
      auditgen standards indicators
      auditgen standards indicators compliance-gap
      auditgen standards indicators refusal-rate --format yaml > my-indicator.yaml
    """
    from auditgen.diagnostics import printable

    if name is None:
        if form == "yaml":
            message = "name one indicator with `--format yaml`"
            raise click.UsageError(message)
        _all(form)
        return
    indicator, path = _find(name)
    if form == "yaml":
        click.echo(path.read_text(encoding="utf-8"), nl=False)
    elif form == "json":
        click.echo(indicator.model_dump_json(by_alias=True, exclude_defaults=False, indent=2))
    else:
        for line in _explained(indicator):
            click.echo(printable(line))


def _all(form: str) -> None:
    from auditgen.indicators import core_indicators

    known = core_indicators()
    if form == "json":
        import orjson

        listed = [i.model_dump(mode="json", by_alias=True) for i in known.values()]
        click.echo(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode())
        return
    width = max(map(len, known))
    for indicator in known.values():
        click.echo(f"{indicator.id:<{width}}  {indicator.title}")


def _find(name: str) -> tuple[Indicator, Path]:
    from auditgen.diagnostics import did_you_mean
    from auditgen.errors import InputRefused
    from auditgen.indicators import core_indicators
    from auditgen.indicators.definition import available_indicators, load_indicators

    shipped = available_indicators()
    if name in shipped:
        return core_indicators()[name], shipped[name]
    if Path(name).is_file():
        [indicator] = load_indicators([Path(name)])
        return indicator, Path(name)
    message = f"no indicator `{name}` ships, and no such file exists"
    hint = next(iter(did_you_mean(name, shipped)), f"known: {', '.join(shipped)}")
    raise InputRefused(message, hint=hint)


def _explained(indicator: Indicator) -> Iterator[str]:
    yield f"{indicator.id}  {indicator.title}  (version {indicator.version})"
    yield from _wrap(indicator.question, "  ")
    yield ""
    yield "what is counted"
    yield from _wrap(_counted(indicator), "  ")
    yield f"  interval: {indicator.interval}; independent of each other: each {indicator.unit}"
    bound = {"higher": "at_least", "lower": "at_most", "zero": "within"}[indicator.better]
    yield f"  a criterion judges it by `{bound}`"
    if indicator.codes:
        yield f"  evidence codes: {', '.join(indicator.codes)}"
    if indicator.slices:
        together = ", and by all of them together" if indicator.crossed else ""
        yield f"  broken down by {', '.join(indicator.slices)}{together}"
    for title, texts in (
        ("what to know beside every number", indicator.caveats),
        ("how it can mislead", indicator.misleads),
        ("what evidence it needs", indicator.needs),
        ("sources", indicator.references),
    ):
        yield ""
        yield title
        for text in texts:
            yield from _wrap(text, "    ", "  - ")
    sizes = list(_sizes(indicator))
    if sizes:
        yield ""
        yield from sizes


def _counted(indicator: Indicator) -> str:
    from auditgen.report.prose import counts_sentence

    return counts_sentence(indicator)


def _sizes(indicator: Indicator) -> Iterator[str]:
    """How many samples it takes, in a table; of a complete count none is a sample."""
    if indicator.is_complete_count:
        return
    if indicator.is_gap:
        yield from _gap_sizes()
        return
    from auditgen.indicators.inference.proportions import clopper_pearson, wilson

    method = clopper_pearson if indicator.interval == "clopper-pearson" else wilson
    word = "at most" if indicator.better == "lower" else "at least"
    yield f"how many decided samples show it ({indicator.interval}, 95 % interval)"
    head = "  ".join(f"{n} the other way".rjust(16) for n in SEEN)
    yield f"  {'limit':<14}{head}"
    for limit in LIMITS:
        shown = limit if indicator.better == "lower" else 1 - limit
        cells = [f"{_least(limit, bad, method):,}".rjust(16) for bad in SEEN]
        yield f"  {f'{word} {shown * 100:g} %':<14}{'  '.join(cells)}"
    note = "repeats of one prompt count as one where they agree; what is undecided counts the bad way"
    yield from _wrap(note, "  ")


def _least(limit: float, bad: int, method: Callable[[float, float], Interval]) -> int:
    """The smallest n at which `bad` of n lie below `limit` with the whole interval."""
    low, high = bad + 1, 2
    while method(min(bad, high), high).upper > limit or high <= bad:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if method(bad, middle).upper <= limit:
            high = middle
        else:
            low = middle + 1
    return low


def _gap_sizes() -> Iterator[str]:
    from auditgen.indicators.inference.power import required_n_equivalence

    yield "how many decided samples in each arm show that equal rates are equal (power 80 %, alpha 5 %)"
    yield f"  {'margin':<14}" + "  ".join(f"rates near {p * 100:g} %".rjust(18) for p in AROUND)
    for margin in MARGINS:
        cells = [f"{required_n_equivalence(p, margin):,}".rjust(18) for p in AROUND]
        yield f"  {f'±{margin * 100:g} points':<14}{'  '.join(cells)}"


def _wrap(text: str, indent: str, first: str | None = None) -> Iterator[str]:
    import textwrap

    start = indent if first is None else first
    yield from textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=indent)
