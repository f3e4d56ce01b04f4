"""What credentials look like: tokens with a published beginning, headers, passwords that are assigned, keys.

Every form is matched where a fixed text stands (a needle), and every repetition is bounded or made of
characters that cannot end it, so that the time grows with the length of a text alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

VERSION = "2"
"""Raised when other texts are found than before: what readers stored is then read again."""
REMOVED = "[credential removed]"
MIN_CHARS = 8
_MIN_USERINFO = 5
_TOKEN = r"[A-Za-z0-9._~+/-]"
_WORD = r"[A-Za-z0-9_-]"
_QUOTE = r"\\*[\"']"
_EDGE = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"
"""The beginning of a word, also behind a line's end as JSON writes it (`\\n`)."""
_TAIL = r"(?![A-Za-z0-9])"
_PEM = r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"

_PREFIXED = (
    # beginning, what follows, and what the whole is for; the beginnings are published by who issues them
    (r"sk-", r"(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{16,}"),  # OpenAI, Anthropic, OpenRouter, Langfuse
    (r"pk-", r"(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{16,}"),
    (r"hf_", r"[A-Za-z0-9]{30,}"),  # Hugging Face
    (r"api_org_", r"[A-Za-z0-9]{30,}"),
    (r"gsk_", r"[A-Za-z0-9]{40,}"),  # Groq
    (r"r8_", r"[A-Za-z0-9]{37,}"),  # Replicate
    (r"pplx-", r"[A-Za-z0-9]{40,}"),  # Perplexity
    (r"xai-", r"[A-Za-z0-9]{60,}"),  # xAI
    (r"nvapi-", rf"{_WORD}{{50,}}"),  # NVIDIA
    (r"lsv2_pt_", rf"{_WORD}{{30,}}"),  # LangSmith
    (r"lsv2_sk_", rf"{_WORD}{{30,}}"),
    (r"AKIA", rf"[0-9A-Z]{{16}}{_TAIL}"),  # AWS
    (r"ASIA", rf"[0-9A-Z]{{16}}{_TAIL}"),
    (r"ABIA", rf"[0-9A-Z]{{16}}{_TAIL}"),
    (r"ACCA", rf"[0-9A-Z]{{16}}{_TAIL}"),
    (r"ghp_", r"[A-Za-z0-9]{30,}"),  # GitHub
    (r"gho_", r"[A-Za-z0-9]{30,}"),
    (r"ghu_", r"[A-Za-z0-9]{30,}"),
    (r"ghs_", r"[A-Za-z0-9]{30,}"),
    (r"ghr_", r"[A-Za-z0-9]{30,}"),
    (r"github_pat_", r"[A-Za-z0-9_]{40,}"),
    (r"glpat-", rf"{_WORD}{{20,}}"),  # GitLab
    (r"gldt-", rf"{_WORD}{{20,}}"),
    (r"glrt-", rf"{_WORD}{{20,}}"),
    (r"glptt-", rf"{_WORD}{{40}}"),
    (r"glcbt-", rf"{_WORD}{{20,}}"),
    (r"glsoat-", rf"{_WORD}{{20,}}"),
    (r"glagent-", rf"{_WORD}{{50,}}"),
    (r"xox", r"[abeoprs](?:[.-][A-Za-z0-9]{1,100})?-(?=[A-Za-z-]{0,200}[0-9])[A-Za-z0-9-]{10,}"),  # Slack
    (r"xapp-", r"[0-9]-[A-Za-z0-9-]{20,}"),
    (r"AIza", rf"{_WORD}{{35}}"),  # Google
    (r"ya29.", rf"{_WORD}{{20,}}"),
    (r"GOCSPX-", rf"{_WORD}{{20,}}"),
    (r"sk_live_", r"[A-Za-z0-9]{10,}"),  # Stripe
    (r"sk_test_", r"[A-Za-z0-9]{10,}"),
    (r"rk_live_", r"[A-Za-z0-9]{10,}"),
    (r"rk_test_", r"[A-Za-z0-9]{10,}"),
    (r"whsec_", r"[A-Za-z0-9+/]{24,}={0,2}"),
    (r"npm_", rf"[A-Za-z0-9]{{36}}{_TAIL}"),  # npm
    (r"pypi-", rf"{_WORD}{{50,}}"),  # PyPI
    (r"SG.", rf"{_WORD}{{20,24}}\.{_WORD}{{39,50}}"),  # SendGrid
    (r"SK", rf"[0-9a-f]{{32}}{_TAIL}"),  # Twilio
    (r"dapi", rf"[0-9a-f]{{32}}{_TAIL}"),  # Databricks
    (r"shpat_", r"[0-9a-fA-F]{32}"),  # Shopify
    (r"sq0csp-", rf"{_WORD}{{43}}"),  # Square
    (r"hvs.", rf"{_WORD}{{24,}}"),  # Vault
    (r"glsa_", r"[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"),  # Grafana
    (r"dop_v1_", r"[0-9a-f]{64}"),  # DigitalOcean
)
_NAMES = (
    "password", "Password", "PASSWORD", "passwd", "Passwd", "PASSWD", "pwd", "Pwd", "PWD", "passphrase",
    "Passphrase", "PASSPHRASE", "secret", "Secret", "SECRET", "token", "Token", "TOKEN", "api_key", "Api_Key",
    "API_KEY", "apikey", "apiKey", "ApiKey", "Apikey", "APIKEY", "access_key", "ACCESS_KEY", "accessKey",
    "AccessKey", "AccountKey", "accountKey", "account_key", "ACCOUNT_KEY",
)  # fmt: skip
"""Names whose value is a credential where it is assigned, also as the end of a longer name."""
_SPOKEN = r"[^\s\"'\\&;,<>{}()\[\]$*|`]"
"""What a value that is assigned is made of; brackets, `$` and `*` are those of templates and of masks."""
_GIVEN = r"(?![0-9a-f]{64}(?![A-Za-z0-9]))(?=[^\s\"'\\]{0,200}[A-Za-z])(?=[^\s\"'\\]{0,200}[0-9!@#%^+/~?])"
"""A letter, and a digit or a sign: a word alone is what a program calls something. Gateways write the SHA-256
of a key (64 digits) under the name of the key: that opens nothing."""
_FORMS = (
    rf"(?i:bearer)\s+(?P<bearer>(?=[^\s\"']{{0,500}}(?:[0-9_+=]|[a-z][A-Z])){_TOKEN}{{8,}}=*|{_TOKEN}{{20,}}=*)",
    rf"(?i:\bauthorization)\s*:\s*(?i:basic|token|apikey)\s+(?P<scheme>{_TOKEN}{{8,}}=*)",
    rf"(?i:{_QUOTE}(?:proxy-)?authorization{_QUOTE}\s*:\s*{_QUOTE}(?:basic|bearer|token|apikey)?\s*)"
    r"(?P<header>[^\s\"'\\*\[<]{8,})",
    rf"(?i:{_QUOTE}(?:x-|x-goog-|ocp-apim-subscription-)?(?:api-key|key){_QUOTE}\s*:\s*{_QUOTE})"
    r"(?P<key>[^\s\"'\\*\[<]{16,})",
    r"(?i:api-key|iption-key)\s{0,3}[:=]\s{0,3}(?P<line>(?=[^\s\"'\\]{0,200}[0-9])[^\s\"'\\*\[<{$]{16,})",
    rf"(?P<jwt>{_EDGE}eyJ[A-Za-z0-9_-]{{8,2000}}\.eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}})",
    rf"(?P<pem>{_PEM}[^-]{{0,20000}}(?:-(?!----)[^-]{{0,20000}}){{0,50}}"
    r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?)",
    r"://(?P<userinfo>[^\s:/?#@\"'\\<>{}$*|`\[\]]{0,100}:[^\s/?#@\"'\\<>{}$*|`\[\]]{1,200})@(?=[A-Za-z0-9\[])",
    r"hooks\.slack\.com/(?:services|workflows)/(?P<hook>T[A-Za-z0-9_]{5,20}/[AB][A-Za-z0-9_]{5,20}/[A-Za-z0-9_/]{8,})",
    rf"(?:{'|'.join(_NAMES)})(?:\s{{0,3}}[:=]|{_QUOTE}\s{{0,3}}[:=])\s{{0,3}}(?:{_QUOTE})?"
    rf"(?P<assigned>{_GIVEN}{_SPOKEN}{{8,}})",
    rf"(?P<issued>{_EDGE}(?:{'|'.join(re.escape(head) + tail for head, tail in _PREFIXED)}))",
)
_CREDENTIAL = re.compile("|".join(_FORMS))
_NEEDLES = {
    "earer ": 1, "EARER ": 1, "uthorization": 24, "api-key": 24, "Api-Key": 24, "API-KEY": 24,
    "iption-key": 24, "iption-Key": 24, "eyJ": 0, "-----BEGIN ": 0, "://": 0, "hooks.slack.com/": 0,
    **{head: 0 for head, _ in _PREFIXED},
}  # fmt: skip
"""What stands in every credential, and how many characters before it the credential's form may begin.

Looking for fixed texts is fast, and most records hold none of them.
"""
_ASSIGNING = frozenset(" \t\n=:\"'\\")
"""What may follow a name of `_NAMES` where a value is assigned."""
SUSPECT = (
    "earer |EARER |uthorization|api-key|Api-Key|API-KEY|iption-key|iption-Key|-----BEGIN |eyJ[A-Za-z0-9_-]{8}"
    "|://[^\\s:/?#@\"'\\\\]*:[^\\s/?#@\"'\\\\]+@|hooks[.]slack[.]com/"
    f"|(?:{'|'.join(_NAMES)})(?:\\\\*[\"'])?\\s*[=:]\\s*(?:\\\\*[\"'])?{_SPOKEN}{{8}}"
    "|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|ABIA[0-9A-Z]{16}|ACCA[0-9A-Z]{16}"
    "|[sp]k-[A-Za-z0-9_-]{16}|gh[pousr]_[A-Za-z0-9]{30}|github_pat_|xox[abeoprs][.-]|xapp-|AIza|ya29[.]|GOCSPX-"
    "|hf_[A-Za-z0-9]{30}|api_org_|gsk_[A-Za-z0-9]{40}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40}|xai-[A-Za-z0-9]{60}"
    "|nvapi-|lsv2_[ps][tk]_|gl(?:pat|dt|rt|ptt|cbt|soat|agent)-[A-Za-z0-9_-]{20}|[sr]k_(?:live|test)_|whsec_"
    "|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50}|SG[.][A-Za-z0-9_-]{20}|SK[0-9a-f]{32}|dapi[0-9a-f]{32}"
    "|shpat_|sq0csp-|hvs[.][A-Za-z0-9_-]{24}|glsa_|dop_v1_"
)
"""What every text with a credential matches, for engines that look for all at once in linear time (RE2).

The needles, each with as much of its form as follows it at once.
"""


def tokens(text: str) -> set[str]:
    """The credentials in a text, without what announces them."""
    found = {token for needle, back in _NEEDLES.items() for token in _near(text, needle, back)}
    for name in _NAMES:
        found.update(_assigned(text, name))
    return found


def _near(text: str, needle: str, back: int) -> Iterator[str]:
    place = text.find(needle)
    while place >= 0:
        follow = place + len(needle)
        for start in range(max(0, place - back), place + 1):
            match = _CREDENTIAL.match(text, start)
            if match is not None and match.end() > place:
                yield from _told(match)
                follow = max(follow, match.end())
                break
        place = text.find(needle, follow)


def _assigned(text: str, name: str) -> Iterator[str]:
    place = text.find(name)
    while place >= 0:
        follow = place + len(name)
        if text[follow : follow + 1] in _ASSIGNING:  # most of them count something: `prompt_tokens`
            match = _CREDENTIAL.match(text, place)
            if match is not None:
                yield from _told(match)
                follow = match.end()
        place = text.find(name, follow)


def _told(match: re.Match[str]) -> Iterator[str]:
    token = match[match.lastgroup or 0]
    if len(token) >= (_MIN_USERINFO if match.lastgroup == "userinfo" else MIN_CHARS):
        yield token


def without(text: str, known: Collection[str] = ()) -> str:
    """The text with every credential replaced, those that look like one and those that are known."""
    for token in sorted(tokens(text).union(known), key=len, reverse=True):
        text = text.replace(token, REMOVED)
    return text
