"""Indicators: what is counted, how sure we are, and the reason when nothing can be said.

Everything is imported when it is asked for: who wants an interval from two counts loads no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditgen.indicators.definition import FILTER_FIELDS as FILTER_FIELDS
    from auditgen.indicators.definition import Indicator as Indicator
    from auditgen.indicators.definition import core_indicators as core_indicators
    from auditgen.indicators.frames import measure_frame as measure_frame
    from auditgen.indicators.frames import slices as slices
    from auditgen.indicators.inference.clusters import clustered_error as clustered_error
    from auditgen.indicators.inference.correction import CorrectionRefused as CorrectionRefused
    from auditgen.indicators.inference.correction import corrected_prevalence as corrected_prevalence
    from auditgen.indicators.inference.differences import difference_interval as difference_interval
    from auditgen.indicators.inference.equivalence import Answer as Answer
    from auditgen.indicators.inference.equivalence import equivalence as equivalence
    from auditgen.indicators.inference.multiplicity import adjust as adjust
    from auditgen.indicators.inference.paired import mcnemar_exact as mcnemar_exact
    from auditgen.indicators.inference.paired import paired_difference_interval as paired_difference_interval
    from auditgen.indicators.inference.power import required_n as required_n
    from auditgen.indicators.inference.proportions import Interval as Interval
    from auditgen.indicators.inference.proportions import proportion_interval as proportion_interval
    from auditgen.indicators.inference.sequential import confidence_sequence as confidence_sequence
    from auditgen.indicators.measuring import measure as measure
    from auditgen.indicators.model import Arm as Arm
    from auditgen.indicators.model import Measured as Measured
    from auditgen.indicators.model import Quantity as Quantity
    from auditgen.indicators.model import Request as Request
    from auditgen.indicators.model import Unmeasured as Unmeasured

_PLACES = {
    "definition": ("FILTER_FIELDS", "Indicator", "core_indicators"),
    "frames": ("measure_frame", "slices"),
    "inference.clusters": ("clustered_error",),
    "inference.correction": ("CorrectionRefused", "corrected_prevalence"),
    "inference.differences": ("difference_interval",),
    "inference.equivalence": ("Answer", "equivalence"),
    "inference.multiplicity": ("adjust",),
    "inference.paired": ("mcnemar_exact", "paired_difference_interval"),
    "inference.power": ("required_n",),
    "inference.proportions": ("Interval", "proportion_interval"),
    "inference.sequential": ("confidence_sequence",),
    "measuring": ("measure",),
    "model": ("Arm", "Measured", "Quantity", "Request", "Unmeasured"),
}
_HOME = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "FILTER_FIELDS",
    "Answer",
    "Arm",
    "CorrectionRefused",
    "Indicator",
    "Interval",
    "Measured",
    "Quantity",
    "Request",
    "Unmeasured",
    "adjust",
    "clustered_error",
    "confidence_sequence",
    "core_indicators",
    "corrected_prevalence",
    "difference_interval",
    "equivalence",
    "mcnemar_exact",
    "measure",
    "measure_frame",
    "paired_difference_interval",
    "proportion_interval",
    "required_n",
    "slices",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
