"""`auditgen schema`: JSON Schemas of the files people write, so that an editor completes and checks them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS = {
    "checklist": (
        "auditgen.checklists.model",
        "Checklist",
        "controls of a law, a standard or rules of your own",
    ),
    "tailoring": ("auditgen.checklists.tailoring", "Tailoring", "a checklist made from another one"),
    "indicator": ("auditgen.indicators.definition", "Indicator", "what is counted, and how it can mislead"),
    "audit": ("auditgen.project.model", "Audit", "audit.yaml: promises, criteria, sources"),
    "suite": ("auditgen.sources.suites", "SuiteFile", "what the scores of test suites mean"),
}


@click.command("schema")
@click.argument("kind", type=click.Choice(list(KINDS)), required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files into this directory."
)
def command(kind: str | None, out: Path | None) -> None:
    """Print the JSON Schema of one kind of file, or write those of all kinds with --out.

    An editor that knows JSON Schema completes and checks a file that begins with
    `# yaml-language-server: $schema=auditgen-audit-1.schema.json`. A schema cannot say everything:
    `auditgen standards validate` and `auditgen report` decide.

    \b
    Examples:
      auditgen schema checklist
      auditgen schema --out schemas
    """
    if out is not None:
        for name in [kind] if kind else KINDS:
            schema = json_schema(name)
            path = out / f"{schema['$id'].rpartition(':')[2]}.schema.json"
            _write(path, _text(schema))
            click.echo(path)
        return
    if kind is not None:
        click.echo(_text(json_schema(kind)), nl=False)
        return
    for name, (_, _, words) in KINDS.items():
        click.echo(f"{name:<11}{words}")


def json_schema(kind: str) -> dict[str, Any]:
    """The schema (draft 2020-12) of one of `KINDS`, made from the model that reads such files."""
    from importlib import import_module

    module, name, words = KINDS[kind]
    model: type[BaseModel] = getattr(import_module(module), name)
    made = model.model_json_schema(by_alias=True, mode="validation")
    written = made["properties"]["schema"]
    head = {
        "$schema": DIALECT,
        "$id": f"urn:auditgen:schema:{written['const']}",
        "title": f"auditgen {kind}: {words}",
    }
    return head | {key: value for key, value in made.items() if key != "title"}


def _text(schema: dict[str, Any]) -> str:
    import orjson

    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"


def _write(path: Path, text: str) -> None:
    """Write a whole file or nothing; a schema of an earlier version is replaced."""
    import os
    import tempfile

    from auditgen.errors import EnvironmentRefused

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise EnvironmentRefused(f"`{path}` cannot be written: {error.strerror or error}") from error
