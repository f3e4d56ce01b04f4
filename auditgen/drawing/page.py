"""The template environment: HTML for the screen and for the page come from the same templates."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from auditgen.drawing import svg
from auditgen.report import words
from auditgen.resources import resource_dir

if TYPE_CHECKING:
    import jinja2

    from auditgen.report import Document

FONTS = (
    ("IBM Plex Sans", 400, "IBMPlexSans-Regular.woff2"),
    ("IBM Plex Sans", 600, "IBMPlexSans-SemiBold.woff2"),
    ("IBM Plex Serif", 600, "IBMPlexSerif-SemiBold.woff2"),
    ("IBM Plex Mono", 400, "IBMPlexMono-Regular.woff2"),
)


_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that no reader sees and that could make a line read as another one."""


def page(document: Document, medium: str) -> str:
    """The whole report as one HTML text. `medium` is `screen` or `print`.

    Autoescaping is on for everything; undefined names are errors; nothing in it refers outside.
    Control and bidirectional-format characters are shown as the replacement character.
    """
    environment = _environment()
    style = _style(medium, document.meta.page_size)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{hashed}'; font-src data:; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("report.html.j2")
    text = template.render(
        d=document,
        medium=medium,
        style=_trusted(style),
        policy=policy,
        tones=_tones(),
        svg=svg,
    )
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("templates") / "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["commas"] = words.count
    environment.filters["short"] = lambda text: text[:12]
    environment.filters["spaced"] = lambda text: " ".join(text[i : i + 4] for i in range(0, 16, 4))
    environment.filters["anchor"] = _anchor
    environment.filters["size"] = _size
    environment.filters["ticked"] = _ticked
    environment.filters["minute"] = lambda text: text[:16].replace("T", " ")
    return environment


def _anchor(text: str) -> str:
    """A name as part of an HTML id. Two names never become one."""
    return re.sub(r"[^A-Za-z0-9.-]", lambda match: f"_{ord(match[0]):x}_", text)


def _ticked(text: str) -> Any:
    """Names that sentences set between backticks, as code. Everything is escaped first."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]{1,300})`", r"<code>\1</code>", str(escape(text))))


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


@lru_cache(maxsize=8)
def _style(medium: str, page_size: str) -> str:
    folder = resource_dir("templates")
    sheets = ["base.css", "print.css" if medium == "print" else "screen.css"]
    texts = [(folder / "report" / name).read_text("utf-8") for name in sheets]
    return "\n".join([_font_faces(), *texts]).replace("PAGE_SIZE", page_size)


def _font_faces() -> str:
    folder = resource_dir("templates") / "fonts"
    faces = []
    for family, weight, file in FONTS:
        data = base64.b64encode((folder / file).read_bytes()).decode()
        faces.append(
            f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:normal;'
            f"font-display:swap;src:url(data:font/woff2;base64,{data}) format('woff2')}}"
        )
    return "\n".join(faces)


def _tones() -> dict[str, str]:
    """Printed word to tone, for tallies."""
    statuses = [*words.VERDICTS.values(), *words.CONCLUSIONS.values()]
    return {status.word: status.tone for status in statuses}


def _size(number: int) -> str:
    """Bytes in the largest unit that keeps a digit before the point."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""
