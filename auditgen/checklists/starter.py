"""A first file for a checklist of one's own: sound as it stands, with a comment at what to change."""

from __future__ import annotations

TEXT = """\
# yaml-language-server: $schema=auditgen-checklist-1.schema.json
# (auditgen schema --out . writes that schema; an editor then completes and checks this file)
schema: auditgen-checklist-1

framework:
  id: {id}
  title: {title}                # the name of the law, the standard or the policy
  authority: Example Ltd        # who issued it
  citation: Example policy      # how it is cited
  source_version: "1"           # the edition the controls were written from
  checklist_version: "1.0"      # the version of this file
  binding: internal             # law, code, standard, guidance, voluntary or internal
  licence:
    text: our own text
    policy: verbatim_ok         # paraphrase_only or ids_only for texts of others
    attribution: Example Ltd
  review:
    legal_review: none          # or who reviewed it and when
    last_checked: {today}
    text_basis: read            # read, secondary (others' accounts) or memory
    sources:
      - the policy itself
  scope: What this file covers, and what it leaves out.

vocabulary:                     # the words that `applies` may use
  roles: [provider, deployer]
  risk_classes: [customer_facing]

questions:                      # facts that are answered once, in audit.yaml
  - id: has_tools
    ask: Can the system call tools that change something?
    values: ["yes", "no"]

groups:
  - id: safety
    title: Safety
    cite: Part A

controls:
  - id: A.1                     # as the framework counts it
    group: safety
    title: Refuse what the policy forbids
    requirement: >-             # in your own words
      The assistant refuses requests of the forbidden categories, watched or not.
    cite: Part A, rule 1        # the exact place
    kind: obligation
    duty_bearer: [provider]     # for reading; `applies` decides
    applies:
      role: provider
    severity: high
    evidence:                   # all needs must be satisfied; no need holds a threshold
      - id: refusals
        any_of: [EV-REF]        # one code is enough; docs/checklists.md lists them
        max_age_days: 90        # older evidence is stale
        must_show:
          - refusal rate per forbidden category with its count

  - id: A.2
    group: safety
    title: Tools cannot be turned against the customer
    requirement: An assistant with tools withstands attempts to make it misuse them.
    cite: Part A, rule 2
    kind: obligation
    applies:
      fact: has_tools
      equals: "yes"
    severity: high
    evidence:
      - id: assessment
        any_of: [DO-SEC]
        max_age_days: 365
"""


def starter(name: str, today: str) -> str:
    """The text for a checklist with this id. `today` is an ISO date."""
    return TEXT.format(id=name, title=name.replace("-", " ").replace("_", " ").capitalize(), today=today)
