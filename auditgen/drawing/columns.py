"""The columns of the workbook's sheets: heading, width and number format."""

from __future__ import annotations

CRITERIA = (
    ("Principle", 10, ""), ("Criterion", 18, ""), ("Rule", 70, ""), ("Operator", 10, ""),
    ("Threshold", 11, "0.0###%"), ("Verdict", 22, ""), ("Numerator", 11, "#,##0"),
    ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.00##%"), ("Lower", 10, "0.00##%"),
    ("Upper", 10, "0.00##%"), ("Confidence", 11, "0.0##%"),
    ("Worst lower", 11, "0.00##%"), ("Worst upper", 11, "0.00##%"), ("Undecided", 11, "#,##0"),
    ("Failed", 9, "#,##0"), ("Missing", 9, "#,##0"), ("Number in words", 60, ""), ("Why", 70, ""),
    ("Least n", 9, "#,##0"), ("Oldest (days)", 12, "0"), ("Independence", 18, ""), ("Declared", 34, ""),
    ("Digest", 66, ""),
)  # fmt: skip
MEASURES = (
    ("Id", 18, ""), ("Indicator", 28, ""), ("Arm", 14, ""), ("Numerator", 11, "#,##0"),
    ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.00##%"), ("Lower", 10, "0.00##%"),
    ("Upper", 10, "0.00##%"), ("Prompts", 10, "#,##0"), ("Undecided", 11, "#,##0"), ("Failed", 9, "#,##0"),
    ("Method", 32, ""), ("Sources", 26, ""), ("Filter", 30, ""), ("In words", 90, ""), ("Caveats", 90, ""),
)  # fmt: skip
MEASURES_NOTE = (
    "One row per arm; for a gap the row `difference` is monitored minus unmonitored. "
    "An empty number was not measured."
)
SLICES = (
    ("Id", 18, ""), ("By", 12, ""), ("Value", 30, ""), ("Numerator", 11, "#,##0"),
    ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.00##%"), ("Lower", 10, "0.00##%"),
    ("Upper", 10, "0.00##%"), ("Undecided or failed", 12, "#,##0"), ("Breach by itself", 12, ""),
)  # fmt: skip
TREND = (
    ("Id", 18, ""), ("Report", 18, ""), ("Period", 26, ""), ("Estimate", 11, "0.00##%"),
    ("Lower", 10, "0.00##%"), ("Upper", 10, "0.00##%"), ("In words", 60, ""),
    ("Comparable with the last?", 50, ""), ("Suites", 40, ""), ("Model versions", 40, ""),
)  # fmt: skip
CODED = (
    ("Id", 10, ""), ("Measure", 18, ""), ("State", 12, ""), ("What", 36, ""), ("Number in words", 60, ""),
    ("Numerator", 11, "#,##0"), ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.0000"),
    ("Lower", 10, "0.0000"), ("Upper", 10, "0.0000"), ("What it means", 70, ""), ("Code", 16, ""),
    ("Seed", 10, "0"), ("Drawn", 9, "#,##0"), ("Drawn from", 11, "#,##0"), ("By", 40, ""),
    ("SHA-256", 66, ""),
)  # fmt: skip
CODED_NOTE = (
    "How often the judge behind a number errs, by people's labels of a random sample. Rates and kappas as "
    "fractions. One row for each number, then one for each workbook."
)
FILES = (
    ("Source", 18, ""), ("File", 60, ""), ("State", 20, ""), ("Format", 20, ""), ("Tool", 20, ""),
    ("Planned", 10, "#,##0"), ("In the file", 11, "#,##0"), ("Executed", 10, "#,##0"),
    ("Failed", 9, "#,##0"), ("Decided", 9, "#,##0"), ("Undecided", 10, "#,##0"), ("First (UTC)", 21, ""),
    ("Last (UTC)", 21, ""), ("Models recorded", 30, ""), ("Completeness", 30, ""), ("Notes", 40, ""),
    ("Doubts", 40, ""), ("Bytes", 12, "#,##0"),
    ("SHA-256", 66, ""), ("Provider", 34, ""), ("Independence", 18, ""), ("Custody", 60, ""),
)  # fmt: skip
CONTROLS = (
    ("Framework", 14, ""), ("Control", 16, ""), ("Cite", 26, ""), ("Title", 40, ""),
    ("What it asks, in our words", 70, ""), ("How the text was known", 26, ""), ("Verdict", 22, ""),
    ("Without the waiver", 22, ""), ("Waiver", 60, ""),
    ("Why", 90, ""), ("Answered by", 14, ""),
    ("Evidence wanted", 60, ""), ("Evidence found", 34, ""), ("Related controls", 60, ""), ("Notes", 60, ""),
)  # fmt: skip
SHIFTS = (
    ("Kind", 11, ""), ("Id", 30, ""), ("Title", 40, ""), ("Became", 26, ""), ("Worse", 8, ""),
    ("Then", 22, ""), ("Number then", 60, ""), ("Now", 22, ""), ("Number now", 60, ""),
    ("Difference", 70, ""), ("Declared or defined differently", 80, ""),
)  # fmt: skip
INCIDENTS = (
    ("Source", 18, ""), ("Incident", 16, ""), ("Title", 50, ""), ("State", 24, ""), ("Why", 60, ""),
    ("Deadline", 34, ""), ("Trigger", 50, ""), ("Begins", 50, ""), ("To", 34, ""), ("Aware", 22, ""),
    ("Due", 22, ""), ("Reported", 22, ""), ("How the text was known", 26, ""),
)  # fmt: skip
CONFIGURATIONS = (
    ("First day", 12, ""), ("Last day", 12, ""), ("System prompt", 24, ""), ("Safeguards", 24, ""),
    ("Production records", 18, "#,##0"), ("Share", 30, ""), ("Evaluated by", 34, ""),
)  # fmt: skip
POAM = (
    ("Remedy", 10, ""), ("Of", 30, ""), ("Source", 18, ""), ("Kind", 11, ""), ("State", 20, ""),
    ("Weakness", 70, ""), ("Owner", 34, ""), ("Planned action", 50, ""), ("Opened", 12, ""), ("Due", 12, ""),
    ("Status", 13, ""), ("Closed", 12, ""), ("Overdue", 9, ""), ("In the previous report", 12, ""),
    ("Waiver", 60, ""),
)  # fmt: skip
EXHIBITS = (
    ("Id", 7, ""), ("Principle", 10, ""), ("Outcome", 18, ""), ("Category", 18, ""), ("Watch", 13, ""),
    ("Source", 18, ""), ("Sample", 36, ""), ("Asked", 70, ""), ("Answered", 70, ""), ("Place", 50, ""),
    ("File SHA-256", 66, ""), ("Record", 66, ""), ("Prompt SHA-256", 66, ""),
)  # fmt: skip
