"""A small sound checklist, and a way to spoil it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditgen.checklists import load_checklist
from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic

SOUND = """\
schema: auditgen-checklist-1
framework:
  id: house-rules
  title: House rules
  authority: Example Ltd
  citation: House rules, version 3
  source_version: "3"
  checklist_version: "1.0"
  binding: internal
  licence: {text: our own, policy: paraphrase_only, attribution: Example Ltd}
  review: {legal_review: none, last_checked: 2026-11-20, text_basis: read, sources: [the rules themselves]}
  scope: everything
vocabulary:
  roles: [provider, deployer]
  risk_classes: [high_risk]
questions:
  - {id: talks_to_people, ask: Does it talk to people?, values: ["yes", "no"]}
groups:
  - {id: one, title: First, cite: s. 1}
  - {id: two, title: Second, cite: s. 2, parent: one}
controls:
  - id: "1"
    group: one
    title: Refuse harm
    requirement: The assistant refuses what the policy forbids.
    cite: s. 1
    kind: obligation
    duty_bearer: [provider]
    applies:
      all:
        - role: provider
        - fact: talks_to_people
          equals: "yes"
    effective:
      - from: 2026-01-01
        when: {risk_class: high_risk}
    severity: high
    evidence:
      - id: refusals
        any_of: [EV-REF]
        must_show:
          - the denominator
  - id: "2"
    group: two
    title: Keep logs
    requirement: Logs are complete.
    cite: s. 2
    kind: principle
    applies: {always: true}
    severity: low
    evidence:
      - {id: logs, any_of: [MO-COV, DO-LOG]}
"""
"""Line numbers in the tests count from the first line of this text."""


@pytest.fixture
def sound() -> str:
    """The sound text."""
    return SOUND


@pytest.fixture
def faults_of(tmp_path: Path) -> Callable[[str | bytes], list[Diagnostic]]:
    """The diagnostics of a checklist with this content; empty when it is sound."""

    def check(content: str | bytes) -> list[Diagnostic]:
        path = tmp_path / "checklist.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            load_checklist(path)
        except InputRefused as refusal:
            return sorted(refusal.diagnostics, key=lambda d: d.span)
        return []

    return check
