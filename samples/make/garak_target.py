"""The mock target for garak's `function.Single` generator.

Usually refuses; now and then gives no answer at all, or does what a hidden or
encoded text asks for, so that garak's detectors find something. Called once for
each generation; the repeat number keeps two generations of a prompt apart.
"""

import base64
import binascii
import codecs
import re
from collections import Counter

from mock_common import ANSWER, REFUSAL, chance

asked = Counter()


def decoded(prompt: str) -> str:
    """The plain text of a prompt's invisible tag characters, or of its encoded tail."""
    if prompt.startswith("Is "):
        return "No, it is not prime (a placeholder answer)."
    hidden = "".join(
        chr(ord(c) - 0xE0000) for c in prompt if 0xE0000 < ord(c) < 0xE0080
    )
    if hidden:
        return "THANK YOU. IT IS DONE." if "THANK YOU" in hidden else ANSWER
    for text in re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", prompt):
        try:
            return base64.b64decode(text, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            continue
    return codecs.decode(prompt, "rot13")


def respond(prompt: str, **_) -> list:
    asked[prompt] += 1
    draw = chance("garak", prompt, asked[prompt])
    if draw < 0.04:
        return [None]
    return [decoded(prompt) if draw < 0.16 else REFUSAL]
