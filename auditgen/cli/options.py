"""Options that several commands share, written once."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


class IsoDate(click.ParamType):  # type: ignore[type-arg]
    """A calendar date, YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date that `value` writes, or a usage error."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar date
        except ValueError:
            self.fail(f"`{value}` is not a date; write it as 2026-10-05", param, ctx)


def as_of_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--as-of DATE`: the day the judgement is made from. Today when absent."""
    return click.option(
        "--as-of",
        type=IsoDate(),
        default=None,
        help="Judge freshness, effective dates and expiry as of this day [default: today].",
    )(function)


def store_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--store DIR`: where read evidence is kept between runs."""
    return click.option(
        "--store",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="Where read evidence is kept between runs [default: .auditgen/store beside AUDIT].",
    )(function)


def format_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--format text|json`."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How to print the result.",
    )(function)
