"""Indicators: what is counted, how sure we are, and the reason when nothing can be said."""

from auditgen.indicators.measure import measure
from auditgen.indicators.model import (
    FILTER_FIELDS,
    Arm,
    Indicator,
    Measured,
    Quantity,
    Request,
    Unmeasured,
    core_indicators,
)

__all__ = [
    "FILTER_FIELDS",
    "Arm",
    "Indicator",
    "Measured",
    "Quantity",
    "Request",
    "Unmeasured",
    "core_indicators",
    "measure",
]
