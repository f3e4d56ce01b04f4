"""Labels by people, in audit.yaml: who labelled a sample of what a judge decided, and in which files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from auditgen.diagnostics import did_you_mean
from auditgen.indicators.labelling import can_be_labelled
from auditgen.project.terms import FROZEN, Id, Person, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditgen.diagnostics import Diagnostic
    from auditgen.indicators import Indicator
    from auditgen.project.model import Audit
    from auditgen.yamlspan import KeyPath, YamlDocument


class AdjudicatedBlock(BaseModel):
    """A third person's labels, for the items on which the coders differ."""

    model_config = FROZEN
    file: Text
    by: Person


class RelabelledBlock(BaseModel):
    """Two people's labels of one random sample, in the workbooks of `auditgen worksheet labels`."""

    model_config = FROZEN
    id: Id
    criterion: Id
    """Of a criterion or of `also_measured`."""
    files: Annotated[tuple[Text, ...], Field(min_length=2, max_length=2)]
    """One workbook for each coder, relative to audit.yaml."""
    coders: Annotated[tuple[Person, ...], Field(min_length=2, max_length=2)]
    """In the order of `files`."""
    adjudicated: AdjudicatedBlock | None = None

    @property
    def named(self) -> tuple[tuple[str, Person], ...]:
        """Every workbook with who filled it in; the adjudicator's last."""
        out = tuple(zip(self.files, self.coders, strict=True))
        return out if self.adjudicated is None else (*out, (self.adjudicated.file, self.adjudicated.by))


def relabelled_faults(
    audit: Audit, document: YamlDocument, indicators: Mapping[str, Indicator]
) -> Iterator[Diagnostic]:
    """Each block names something that people can label, and people and files that are not the same."""
    known = {c.id: c.indicator for p in audit.principles for c in p.criteria}
    known |= {item.id: item.indicator for item in audit.also_measured}
    seen: set[str] = set()
    for number, block in enumerate(audit.relabelled):
        at: KeyPath = ("relabelled", number)
        if block.id in seen:
            yield document.fault("duplicate-id", f"`{block.id}` is used twice in `relabelled`", (*at, "id"))
        seen.add(block.id)
        if block.criterion not in known:
            helps = did_you_mean(block.criterion, known) or (f"known: {', '.join(sorted(known)[:12])}",)
            message = f"unknown criterion `{block.criterion}`"
            yield document.fault("unknown-criterion", message, (*at, "criterion"), helps=helps)
        else:
            indicator = indicators.get(known[block.criterion])
            if indicator is not None and not can_be_labelled(indicator):
                message = f"`{indicator.id}` is no rate of what answers are, so people cannot label it"
                yield document.fault("not-labelled", message, (*at, "criterion"))
        yield from _twice(block, document, at)


def _twice(block: RelabelledBlock, document: YamlDocument, at: KeyPath) -> Iterator[Diagnostic]:
    """One file, or one person, in the place of two."""
    places: list[tuple[KeyPath, KeyPath]] = [
        ((*at, "files", n), (*at, "coders", n, "name")) for n in range(len(block.files))
    ]
    places.append(((*at, "adjudicated", "file"), (*at, "adjudicated", "by", "name")))
    files: set[str] = set()
    people: set[str] = set()
    for (file, person), (at_file, at_name) in zip(block.named, places, strict=False):
        if file in files:
            yield document.fault("duplicate-file", f"`{file}` is named twice", at_file)
        name = " ".join(person.name.casefold().split())
        if name in people:
            message = f"`{person.name}` is named twice; the labels must be those of different people"
            yield document.fault("duplicate-person", message, at_name)
        files.add(file)
        people.add(name)
