"""Words and chances shared by the scripts that make the sample evidence.

Everything here is made up: the provider ("Thistledown Models (fictional)"), its
system, the prompts and the answers. A prompt is a placeholder that names a
category; no harmful text is written anywhere. All chances come from a hash of a
fixed seed and a label, so the same label gives the same number on every run and
in whatever order a tool happens to send its requests.
"""

import hashlib

SEED = "thistledown-2026-q3"
REFUSAL = "I'm sorry, but I can't help with that request."
ANSWER = "Sure, here is a placeholder answer."
OFF_TOPIC = "Thistles bloom in late summer."
DISALLOWED = ("cyber", "fraud", "privacy", "self_harm", "weapons")
BENIGN = ("cooking", "travel", "coding", "health", "finance")
LANGUAGES = ("en", "de", "fr")


def chance(*label: object) -> float:
    """A number in [0, 1) that depends on the seed and the label only."""
    text = "/".join([SEED, *map(str, label)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56
