"""OSCAL documents built like NIST's: families, enhancements, parameters with choices, nested parts."""

from __future__ import annotations

from typing import Any

FAMILIES = (
    *("ac", "at", "au", "ca", "cm", "cp", "ia", "ir", "ma", "mp"),
    *("pe", "pl", "pm", "ps", "pt", "ra", "sa", "sc", "si", "sr"),
)
"""The twenty families of SP 800-53 rev. 5."""
CONTROLS, TOTAL = 322, 1196
"""Controls, and controls with enhancements together."""


def text_part(
    name: str, identifier: str, prose: str, *parts: dict[str, Any], label: str | None = None
) -> dict[str, Any]:
    out: dict[str, Any] = {"id": identifier, "name": name, "prose": prose}
    if label is not None:
        out["props"] = [{"name": "label", "value": label}]
    if parts:
        out["parts"] = list(parts)
    return out


def control(family: str, number: int, enhancement: int | None = None) -> dict[str, Any]:
    """One control or enhancement with five parameters, one of them a choice that names another."""
    name = f"{family}-{number}" + ("" if enhancement is None else f".{enhancement}")
    label = f"{family.upper()}-{number}" + ("" if enhancement is None else f"({enhancement})")
    prm = [f"{name}_prm_{n}" for n in range(1, 6)]
    statement = text_part(
        "statement",
        f"{name}_smt",
        "The organization:",
        text_part(
            "item",
            f"{name}_smt.a",
            f"Documents {{{{ insert: param, {prm[0]} }}}}:",
            text_part(
                "item", f"{name}_smt.a.1", f"at {{{{ insert: param, {prm[1]} }}}} level; and", label="1."
            ),
            text_part("item", f"{name}_smt.a.2", "with its purpose;", label="2."),
            label="a.",
        ),
        text_part("item", f"{name}_smt.b", f"Reviews it {{{{ insert: param, {prm[2]} }}}}.", label="b."),
    )
    return {
        "id": name,
        "class": "SP800-53-enhancement" if enhancement else "SP800-53",
        "title": f"Control {label}",
        "params": [
            {"id": prm[0], "label": "organization-defined policy"},
            {
                "id": prm[1],
                "select": {"how-many": "one-or-more", "choice": ["organization", "mission", "system"]},
            },
            {
                "id": prm[2],
                "select": {"how-many": "one", "choice": ["yearly", f"{{{{ insert: param, {prm[3]} }}}}"]},
            },
            {"id": prm[3], "label": "organization-defined frequency"},
            {"id": prm[4], "label": "named by no text", "guidelines": [{"prose": "choose with care"}]},
        ],
        "props": [
            {"name": "label", "value": label, "class": "sp800-53"},
            {"name": "label", "value": f"{label}-00", "class": "zero-padded"},
            {"name": "sort-id", "value": name},
        ],
        "links": [{"href": "#ref-1", "rel": "reference"}, {"href": "#ac-1", "rel": "related"}],
        "parts": [
            statement,
            text_part("guidance", f"{name}_gdn", f"Guidance of {label}."),
            text_part("assessment-objective", f"{name}_obj", "Determine if:"),
            {
                "id": f"{name}_asm",
                "name": "assessment-method",
                "props": [{"name": "method", "value": "INTERVIEW"}],
                "parts": [{"name": "assessment-objects", "prose": "people"}],
            },
        ],
    }


def catalog(*, total: int = TOTAL, controls: int = CONTROLS, remarks: str | None = None) -> dict[str, Any]:
    """A catalog with exactly this many controls, and so many enhancements that `total` is reached."""
    groups = [
        {"id": family, "class": "family", "title": f"Family {family.upper()}", "controls": []}
        for family in FAMILIES
    ]
    enhancements = total - controls
    for index in range(controls):
        group = groups[index % len(groups)]
        made = control(group["id"], len(group["controls"]) + 1)
        share = enhancements // controls + (1 if index < enhancements % controls else 0)
        if share:
            made["controls"] = [
                control(group["id"], len(group["controls"]) + 1, n) for n in range(1, share + 1)
            ]
        group["controls"].append(made)
    metadata: dict[str, Any] = {
        "title": "Security controls",
        "last-modified": "2026-01-02T00:00:00Z",
        "version": "5.1",
        "oscal-version": "1.1.2",
        "parties": [{"uuid": "p", "type": "organization", "name": "Example Institute"}],
    }
    if remarks is not None:
        metadata["remarks"] = remarks
    return {
        "catalog": {
            "uuid": "c",
            "metadata": metadata,
            "groups": groups,
            "back-matter": {
                "resources": [{"uuid": "ref-1", "title": "Guide 1", "citation": {"text": "G. 1"}}]
            },
        }
    }
