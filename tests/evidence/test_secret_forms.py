"""What is a credential and what is none. Every token here is generated; none was ever issued."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import string
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.evidence import secret_forms
from auditgen.evidence.secret_forms import REMOVED, SUSPECT, tokens, without

ALNUM, HEX = string.ascii_letters + string.digits, "0123456789abcdef"


def chars(number: int, alphabet: str = ALNUM, seed: int = 0) -> str:
    """Made-up letters, with a digit among them."""
    made = random.Random(f"{number} {alphabet} {seed}")
    return "".join(made.choice(alphabet) for _ in range(number - 1)) + ("7" if "7" in alphabet else alphabet[0])


UPPER = string.ascii_uppercase + string.digits
ISSUED = {
    "openai": "sk-proj-" + chars(48), "anthropic": "sk-ant-api03-" + chars(80), "langfuse": "pk-lf-" + str(uuid.UUID(int=7)),
    "hugging face": "hf_" + chars(34), "hugging face, organisation": "api_org_" + chars(34), "groq": "gsk_" + chars(52),
    "replicate": "r8_" + chars(37), "perplexity": "pplx-" + chars(48), "xai": "xai-" + chars(80), "nvidia": "nvapi-" + chars(64),
    "langsmith": "lsv2_pt_" + chars(32, HEX) + "_" + chars(10, HEX), "aws": "AKIA" + chars(16, UPPER), "aws, temporary": "ASIA" + chars(16, UPPER),
    "github": "ghp_" + chars(36), "github, app": "ghs_" + chars(36), "github, fine": "github_pat_" + chars(82),
    "gitlab": "glpat-" + chars(20), "gitlab, runner": "glrt-" + chars(20), "gitlab, deploy": "gldt-" + chars(20),
    "slack": "xoxb-1234567890-" + chars(24), "slack, app": "xapp-1-A0-" + chars(40), "slack, refresh": "xoxe.xoxp-1-" + chars(40),
    "google": "AIza" + chars(35), "google, oauth": "ya29." + chars(60), "google, client": "GOCSPX-" + chars(28),
    "stripe": "sk_live_" + chars(24), "stripe, test": "sk_test_" + chars(24), "stripe, restricted": "rk_live_" + chars(24),
    "stripe, hook": "whsec_" + chars(32), "npm": "npm_" + chars(36), "pypi": "pypi-AgEIcHlwaS5vcmc" + chars(80),
    "sendgrid": "SG." + chars(22) + "." + chars(43), "twilio": "SK" + chars(32, HEX), "databricks": "dapi" + chars(32, HEX),
    "shopify": "shpat_" + chars(32, HEX), "square": "sq0csp-" + chars(43), "vault": "hvs." + chars(90),
    "grafana": "glsa_" + chars(32) + "_" + chars(8, HEX), "digitalocean": "dop_v1_" + chars(64, HEX),
    "jwt": f"eyJ{chars(20)}.eyJ{chars(900)}.{chars(43)}",
}  # fmt: skip
VALUE = "hunter2-" + chars(12)
ASSIGNED = {
    "password": f"password={VALUE}", "client secret": f"client_secret = '{VALUE}'", "capitals": f"DB_PASSWORD={VALUE}",
    "query": f"https://api.example.org/v1?access_token={VALUE}&page=2", "yaml": f"secret: {VALUE}",
    "json": json.dumps({"password": VALUE}), "json in json": json.dumps({"body": json.dumps({"api_key": VALUE})}),
    "json in json in json": json.dumps(json.dumps({"b": json.dumps({"accessToken": VALUE})})),
    "connection": f"Server=db;Pwd={VALUE};Encrypt=yes", "header": f"x-api-key: {VALUE}",
    "aws": f"aws_secret_access_key={VALUE}", "colon": f"passwd:{VALUE}",
    "azure": "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=" + VALUE + ";EndpointSuffix=core.windows.net",
    "service bus": f"SharedAccessKeyName=root;SharedAccessKey={VALUE}",
}  # fmt: skip


@pytest.mark.parametrize("around", ["{}", "see {}, please", "x\n{}\ny", "'{}'", "k={}", "[{}]", "x\t{}"])
@pytest.mark.parametrize("kind", ISSUED)
def test_published_forms_are_found_wherever_they_stand(kind: str, around: str) -> None:
    token = ISSUED[kind]
    text = around.format(token)
    for written in (text, json.dumps({"a": text}), json.dumps(json.dumps([text]))):
        assert tokens(written) == {token}
        assert token not in without(written)
        assert REMOVED in without(written)


@pytest.mark.parametrize("kind", ASSIGNED)
def test_what_is_assigned_to_the_name_of_a_secret_is_one(kind: str) -> None:
    assert tokens(ASSIGNED[kind]) == {VALUE}
    assert VALUE not in without(ASSIGNED[kind])


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgres://app:Pa55-word@db.example.org/x", "app:Pa55-word"), ("https://scott:tiger@example.org", "scott:tiger"),
        ("redis://:s3cretpass@10.0.0.1:6379", ":s3cretpass"), ("mongodb+srv://u:pass%2Fword@c.example.org/?x=1", "u:pass%2Fword"),
    ],
)  # fmt: skip
def test_who_logs_in_by_a_url_is_taken_out(url: str, part: str) -> None:
    assert tokens(url) == {part}
    assert without(url) == url.replace(part, REMOVED)


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "SSH2 ENCRYPTED PRIVATE KEY"])
def test_a_private_key_goes_with_its_whole_body(kind: str) -> None:
    body = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{chars(32, HEX)}\n\n{chars(64)}\n{chars(64)}\n"
    text = f"a\n-----BEGIN {kind}-----\n{body}-----END {kind}-----\nz"
    assert without(text) == f"a\n{REMOVED}\nz"
    cut = text[: text.index("-----END")]
    assert without(cut) == f"a\n{REMOVED}"


def test_a_web_hook_is_one() -> None:
    assert tokens(f"https://hooks.slack.com/services/T0ACME00/B0ACME00/{chars(24)}") == {f"T0ACME00/B0ACME00/{chars(24)}"}


PROSE = (
    "What is a secret: it is what nobody tells.", "The token: a small coin. Secret=none", "password: please choose a new one",
    "Forgot your password? Reset it here.", "my password is on the note", "token = tokenizer.decode(ids)", "token=get_token(user)",
    "secret=os.environ['SECRET']", "password=${DB_PASSWORD}", "password=<your-password>", "api_key=*****************",
    "password: [REDACTED]", '{"password": "[redacted]"}', '{"token": null, "secret": true}', "max_tokens=4096 total_tokens: 12345678",
    '{"prompt_tokens": 1234567890, "token": "hello"}', "token: end-of-sequence", "https://example.org:8080/a@b", "http://localhost:4317/v1",
    "mail somebody@example.org", "https://example.org/@user:name", "see https://example.org/a:b@c", "git@github.com:acme/tool.git",
    "the task-force-of-the-year sk-learn-compatible", "half_open hf_hub_download pypi-server npm_config_registry", "xoxo-hugs-and-kisses",
    "SK Telecom SG.Company ya29.x", "AKIA and ASIA are regions", "eyJ is how they begin", "glpat-short", "a whsec_ prefix",
    "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMIIabc\n-----END PUBLIC KEY-----",
)  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_prose_and_programs_hold_none(text: str) -> None:
    for written in (text, json.dumps({"a": text})):
        assert tokens(written) == set()
        assert without(written) == written


def test_ids_survive() -> None:
    """UUIDs, hashes, and random bytes in base64, as logs call their records."""
    made = random.Random(3)
    for _ in range(3000):
        raw = made.randbytes(made.choice((8, 12, 16, 20, 32)))
        ids = [
            str(uuid.UUID(bytes=made.randbytes(16))), raw.hex(), raw.hex().upper(), hashlib.sha256(raw).hexdigest(),
            base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), f"chatcmpl-{raw.hex()}", f"req_{raw.hex()}",
            f"resp_{raw.hex()}", f"run-{raw.hex()}", f"msg_{base64.b32encode(raw).decode()}", f"AC{raw.hex()}",
        ]  # fmt: skip
        text = json.dumps({"id": ids, "token_id": ids[0], "api_key_hash": ids[1], "api_key": hashlib.sha256(raw).hexdigest()})
        assert tokens(text) == set(), text


@pytest.mark.parametrize(
    "start",
    [*(head for head, _ in secret_forms._PREFIXED), *secret_forms._NAMES, "://", "://a:", "hooks.slack.com/services/T", "api-key:",
     "password=", "password='", 'token\\"', "secret: ", "xoxb.1", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaaaa.", "password=aaaaaaaa"],
)  # fmt: skip
def test_the_work_grows_with_the_length_alone(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in places that are tried, and no form can walk far from one: no clock is asked."""
    tried = []
    real = secret_forms._CREDENTIAL

    class Counting:
        def match(self, text: str, place: int) -> re.Match[str] | None:
            tried.append(place)
            return real.match(text, place)

    monkeypatch.setattr(secret_forms, "_CREDENTIAL", Counting())
    text = start * 2000
    tokens(text)
    needles = sum(text.count(needle) for needle in secret_forms._NEEDLES)
    names = sum(text.count(name) for name in secret_forms._NAMES)
    assert len(tried) <= 25 * needles + names


PIECES = st.sampled_from(
    [*ISSUED.values(), *ASSIGNED.values(), *PROSE, "://u:", "pw@h", "api-key", ": ", "=", '"', "\\", "\n", " ", "Bearer ", "token", "a1"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=5).map("".join), min_size=1, max_size=20))
def test_the_engines_filter_lets_nothing_through(texts: list[str]) -> None:
    """What RE2 does not suspect holds no credential; and nothing is left after one pass but what was not found."""
    texts += [json.dumps({"a": text}) for text in texts]
    suspected = pc.match_substring_regex(pa.array(texts), SUSPECT).to_pylist()
    for text, is_suspect in zip(texts, suspected, strict=True):
        assert is_suspect or not tokens(text)
        for token in tokens(text):
            assert token not in without(text)
