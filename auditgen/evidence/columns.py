"""Columns of Python values as Arrow arrays, built from plain buffers.

`pyarrow.array` would do the same, and imports all of pandas to ask whether a list is one of its objects:
three hundred modules and forty megabytes for every file that is read.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def column(values: Sequence[Any], arrow_type: pa.DataType) -> pa.Array:
    """An array of text, numbers, flags or times (None where there is none), or of lists, maps and structs.

    Lists, maps (sequences of pairs) and structs (mappings) themselves are never None. Raises TypeError
    for other types of columns, and what Python raises for values of another type.
    """
    import pyarrow as pa

    if values and values.count(None) == len(values) and not pa.types.is_nested(arrow_type):
        return pa.nulls(len(values), arrow_type)
    if pa.types.is_string(arrow_type):
        joined = "".join(["" if value is None else value for value in values])
        if joined.isascii():  # then each character is a byte
            lengths = [0 if value is None else len(value) for value in values]
            offsets = array("i", [0, *accumulate(lengths)])
            return _plain(arrow_type, values, offsets, joined.encode())
        encoded = [b"" if value is None else value.encode() for value in values]
        return _plain(arrow_type, values, _offsets(encoded), b"".join(encoded))
    if pa.types.is_boolean(arrow_type):
        return _plain(arrow_type, values, _bits(values))
    if pa.types.is_int32(arrow_type):
        return _plain(arrow_type, values, array("i", [value or 0 for value in values]))
    if pa.types.is_int64(arrow_type):
        return _plain(arrow_type, values, array("q", [value or 0 for value in values]))
    if pa.types.is_float64(arrow_type):
        return _plain(arrow_type, values, array("d", [value or 0.0 for value in values]))
    if pa.types.is_timestamp(arrow_type):
        return _plain(arrow_type, values, array("q", [_microseconds(value) for value in values]))
    if pa.types.is_struct(arrow_type):
        fields = list(arrow_type)
        return pa.StructArray.from_arrays(
            [column([value[field.name] for value in values], field.type) for field in fields],
            fields=fields,
        )
    if pa.types.is_map(arrow_type):
        pairs = [pair for value in values for pair in value]
        keys = column([key for key, _ in pairs], arrow_type.key_type)
        items = column([item for _, item in pairs], arrow_type.item_type)
        return pa.MapArray.from_arrays(_bounds(values), keys, items)
    if pa.types.is_list(arrow_type):
        flat = column([item for value in values for item in value], arrow_type.value_type)
        return pa.ListArray.from_arrays(_bounds(values), flat)
    message = f"no column of type {arrow_type}"
    raise TypeError(message)


def _plain(arrow_type: pa.DataType, values: Sequence[Any], *buffers: Any) -> pa.Array:
    import pyarrow as pa

    valid = None
    if None in values:
        valid = pa.py_buffer(_bits([value is not None for value in values]))
    return pa.Array.from_buffers(
        arrow_type, len(values), [valid, *(pa.py_buffer(buffer) for buffer in buffers)]
    )


def _offsets(parts: Sequence[Any]) -> array[int]:
    return array("i", [0, *accumulate(map(len, parts))])


def _bounds(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    return _plain(pa.int32(), range(len(values) + 1), _offsets(values))


def _bits(flags: Sequence[Any]) -> bytes:
    """One bit for each flag, the first one lowest; None is no flag."""
    number = int("".join("1" if flag else "0" for flag in reversed(flags)) or "0", 2)
    return number.to_bytes((len(flags) + 7) // 8, "little")


def _microseconds(at: datetime | None) -> int:
    if at is None:
        return 0
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
