"""YAML to values and the place where each value was written, in one walk.

PyYAML's `compose` gives positions without values, `safe_load` values without positions and keeps the
last of two equal keys without a word. `read_yaml` gives both, reads YAML 1.2 booleans and integers
(`no` is a country, `010` is ten), leaves dates as text, and refuses what has no place in a checklist:
aliases (a few hundred bytes can expand to gigabytes), several documents, files over 16 MiB.
"""

from __future__ import annotations

import gc
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import Diagnostic, Span, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 40

KeyPath = tuple[str | int, ...]


@dataclass(slots=True)
class YamlDocument:
    """One YAML file: its text, its value, and where every key and value stands."""

    file: str
    text: str = ""
    value: Any = None
    keys: dict[KeyPath, Span] = field(default_factory=dict)
    values: dict[KeyPath, Span] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def span(self, path: KeyPath, *, key: bool = False) -> Span:
        """The narrowest written place for `path`, walking up when the path itself is not written."""
        tables = (self.keys, self.values) if key else (self.values, self.keys)
        while True:
            for table in tables:
                if path in table:
                    return table[path]
            if not path:
                return Span()
            path = path[:-1]

    def fault(
        self,
        code: str,
        message: str,
        path: KeyPath,
        *,
        label: str = "",
        helps: tuple[str, ...] = (),
        key: bool = False,
    ) -> Diagnostic:
        """A diagnostic that points at `path` in this file."""
        return Diagnostic(code, message, self.file, self.span(path, key=key), label, helps)


def read_yaml(path: Path, *, name: str | None = None) -> YamlDocument:
    """Read a YAML file. Never raises for its content: faults are in `.diagnostics`."""
    raw, fault = yaml_bytes(path, name=name)
    if fault is not None:
        return YamlDocument(name or str(path), diagnostics=[fault])
    return read_yaml_bytes(raw, name or str(path))


def yaml_bytes(path: Path, *, name: str | None = None) -> tuple[bytes, Diagnostic | None]:
    """The bytes of a file that is neither too large nor something else, or why there are none."""
    file = name or str(path)
    try:
        size = path.stat().st_size
        if not path.is_file():
            return b"", Diagnostic("not-a-file", "this is not a file", file)
        if size > MAX_BYTES:
            message = f"the file has {size} bytes; at most {MAX_BYTES} are read"
            return b"", Diagnostic("yaml-too-large", message, file)
        return path.read_bytes(), None
    except OSError as error:
        return b"", Diagnostic("unreadable", f"cannot be read: {error.strerror or error}", file)


def read_yaml_bytes(raw: bytes, name: str) -> YamlDocument:
    """The same for bytes already in memory; `name` stands in the diagnostics."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text at byte {error.start}"
        fault = Diagnostic("not-utf8", message, name, Span(line, 1, line, 2))
        return YamlDocument(name, diagnostics=[fault])
    return read_yaml_text(text, name)


def read_yaml_text(text: str, name: str) -> YamlDocument:
    """The same for text already in memory; `name` stands in the diagnostics."""
    import yaml

    loader_class = _loader_class()
    document = YamlDocument(name, text.replace("\r\n", "\n"))
    try:
        refused = _first_refusal(document.text, name, loader_class)
        if refused is not None:
            document.diagnostics.append(refused)
            return document
        with _uncollected():
            loader = loader_class(document.text)
            try:
                node = loader.get_single_node()
                if node is not None:
                    document.value = _walk(node, (), document, loader)
            finally:
                loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        span = Span()
        if mark is not None:
            span = Span(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
        message = error.problem or "cannot be read as YAML"
        document.diagnostics.append(
            Diagnostic("yaml-syntax", message, name, span, (error.context or "")[:60])
        )
        document.value = None
    except yaml.YAMLError as error:  # unprintable characters have no mark
        document.diagnostics.append(Diagnostic("yaml-syntax", str(error).split("\n")[0], name))
        document.value = None
    except (ValueError, RecursionError) as error:
        document.diagnostics.append(Diagnostic("yaml-syntax", str(error)[:200], name))
        document.value = None
    return document


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: a tree has none, and it would walk the growing tree again and again.

    Two thirds of the time of a large file; the size of a file bounds the memory.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_LOADER: list[Any] = []


def _loader_class() -> Any:
    """A C-speed safe loader with YAML 1.2 core rules; built once, on first use (PyYAML is lazy)."""
    if _LOADER:
        return _LOADER[0]
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    core = "tag:yaml.org,2002:"
    replaced = {core + kind for kind in ("bool", "timestamp", "int", "float", "merge", "value")}

    class Loader(base):  # type: ignore[misc]
        """YAML 1.2 core booleans and numbers; dates stay text."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, rx) for tag, rx in rules if tag not in replaced]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    number = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    boolean = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
    Loader.add_implicit_resolver(core + "bool", boolean, list("tTfF"))
    Loader.add_implicit_resolver(core + "int", re.compile(r"^[-+]?[0-9]{1,18}$"), list("-+0123456789"))
    Loader.add_implicit_resolver(core + "float", re.compile(f"^{number}$"), list("-+.0123456789"))
    Loader.add_constructor(core + "int", lambda _, node: int(node.value))
    Loader.add_constructor(core + "float", lambda _, node: float(node.value))
    _LOADER.append(Loader)
    return Loader


def _first_refusal(text: str, name: str, loader_class: Any) -> Diagnostic | None:
    """The first thing that has no place here. Events are streamed: a bomb is seen, not expanded."""
    import yaml

    depth = documents = 0
    for event in yaml.parse(text, Loader=loader_class):
        if isinstance(event, yaml.AliasEvent):
            message = "anchors and aliases are not used here"
            return Diagnostic("yaml-alias", message, name, _span(event), "write the value out")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                message = "a file holds one document; a second one begins here"
                return Diagnostic("yaml-documents", message, name, _span(event), "second document")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                message = f"nested deeper than {MAX_DEPTH} levels"
                return Diagnostic("yaml-depth", message, name, _span(event), "too deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _span(node: Any) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _walk(node: Any, path: KeyPath, document: YamlDocument, loader: Any) -> Any:
    import yaml

    document.values[path] = _span(node)
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                document.diagnostics.append(
                    Diagnostic("yaml-key", "a key must be plain text", document.file, _span(key_node))
                )
                continue
            name = str(key_node.value)
            here = (*path, name)
            if here in document.keys:
                document.diagnostics.append(
                    Diagnostic(
                        "duplicate-key",
                        f"`{name}` is written twice",
                        document.file,
                        _span(key_node),
                        "second time here",
                        related=((document.keys[here], "first time here"),),
                    )
                )
                continue
            document.keys[here] = _span(key_node)
            out[name] = _walk(value_node, here, document, loader)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [
            _walk(child, (*path, index), document, loader)
            for index, child in enumerate(node.value)
        ]
    try:
        value = loader.construct_object(node)
    except (ValueError, KeyError, AttributeError):  # a tag that its text does not fit, such as `!!int many`
        value = _MISFIT
    if not _is_plain(value):
        document.diagnostics.append(
            Diagnostic(
                "yaml-value",
                "neither text, a number of ordinary size, true, false nor null",
                document.file,
                _span(node),
                "put it in quotes",
            )
        )
        return None
    return value


_MISFIT = object()


def _is_plain(value: Any) -> bool:
    """Whether JSON can hold the scalar; an explicit tag (`!!binary`) can write others."""
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < 2**63)


def validation_diagnostics(
    document: YamlDocument,
    error: ValidationError,
    model: type[BaseModel],
    *,
    prefix: KeyPath = (),
) -> list[Diagnostic]:
    """pydantic's errors, each at the place in the file where it was caused."""
    out = []
    items = error.errors(include_url=False)
    meant = {pair for item in items for pair in _meant(model, item)}
    for item in items:
        if _follows(item, items) or _is_other_arm(item, items):
            continue
        if item["type"] == "missing" and item["loc"] in meant:
            continue
        written = _written_path(document, (*prefix, *item["loc"]))
        kind = str(item["type"])
        words = [part for part in item["loc"] if isinstance(part, str)]
        name = words[-1] if words else "this file"
        helps: tuple[str, ...] = ()
        label = ""
        at_key = False
        if kind == "missing":
            message, label = f"`{name}` is required here", "missing"
            written, at_key = _written_path(document, (*prefix, *item["loc"][:-1])), True
        elif kind == "extra_forbidden":
            message, label, at_key = f"unknown key `{name}`", "not a key of this block", True
            helps = did_you_mean(name, _field_names(model, item["loc"][:-1]))
            if not helps:
                known = ", ".join(f"`{n}`" for n in sorted(_field_names(model, item["loc"][:-1])))
                helps = (f"known keys: {known}",) if known else ()
        elif kind in {"literal_error", "enum"}:
            expected = str(item.get("ctx", {}).get("expected", ""))
            message = f"`{name}`: `{item['input']}` is not one of {expected}"
            helps = did_you_mean(str(item["input"]), re.findall(r"'([^']+)'", expected))
        else:
            text = str(item["msg"]).removeprefix("Value error, ")
            message = f"`{name}`: {text[:1].lower()}{text[1:]}"
            helps = did_you_mean(str(item["input"]), item.get("ctx", {}).get("known", ()))
            if not isinstance(item["input"], dict | list) and kind != "value_error":
                label = f"got {item['input']!r}"[:60]
            if kind == "string_type" and isinstance(item["input"], bool | int | float):
                helps = (f"write it in quotes: {str(item['input']).lower()!r}".replace("'", '"'),)
        out.append(
            Diagnostic(
                kind.replace("_", "-"),
                message,
                document.file,
                document.span(written, key=at_key),
                label,
                helps,
            )
        )
    return out


def _is_other_arm(item: ErrorDetails, items: Sequence[ErrorDetails]) -> bool:
    """Whether a block was only tried as a list, where it may be one or the other."""
    above = item["loc"][:-1]
    return (
        item["type"] == "tuple_type"
        and isinstance(item["input"], dict)
        and any(other is not item and other["loc"][: len(above)] == above for other in items)
    )


def _meant(model: type[BaseModel], item: ErrorDetails) -> list[tuple[str | int, ...]]:
    """The key that an unknown key is probably a slip of, so that it is not called missing too."""
    if item["type"] != "extra_forbidden":
        return []
    block = item["loc"][:-1]
    names = _field_names(model, block)
    return [(*block, name) for name in names if did_you_mean(str(item["loc"][-1]), [name])]


def _follows(item: ErrorDetails, items: list[ErrorDetails]) -> bool:
    """Whether a list is called too short only because of faults in its entries."""
    at = item["loc"]
    return item["type"] == "too_short" and any(
        len(other["loc"]) > len(at) and other["loc"][: len(at)] == at for other in items
    )


def _written_path(document: YamlDocument, location: tuple[str | int, ...]) -> KeyPath:
    """`location` without the parts pydantic adds for unions, which nobody wrote."""
    path: KeyPath = ()
    for part in location:
        if (*path, part) in document.values:
            path = (*path, part)
    return path


def _field_names(model: type[BaseModel], location: tuple[str | int, ...]) -> set[str]:
    """The keys that the block at `location` knows, for suggestions."""
    current: list[Any] = [model]
    for part in location:
        following: list[Any] = []
        for candidate in current:
            fields: Mapping[str, Any] = getattr(candidate, "model_fields", {})
            match = fields.get(str(part)) or next(
                (f for f in fields.values() if f.alias == part), None
            )
            if match is not None:
                following += _models_in(match.annotation)
            elif not fields or isinstance(part, int) or candidate.__name__ == part:
                following.append(candidate)
        current = following or current
    names: set[str] = set()
    for candidate in current:
        for name, info in getattr(candidate, "model_fields", {}).items():
            names.add(info.alias or name)
    return names


def _models_in(annotation: Any) -> list[Any]:
    """Every model class inside an annotation such as `tuple[Control, ...] | None`."""
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models_in(arg)]
