"""`auditgen sign`: seal a plan before the data arrive, or sign an export as its maker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

    from auditgen.seal import Signer

AUDIT_SCHEMA = "auditgen-audit-1"
HEAD_BYTES = 1 << 16
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("sign")
@click.argument("file", type=_FILE)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Where to write [default: plan.zip beside an audit.yaml, FILE.p7s for anything else].",
)
@click.option("--certificate", type=_FILE, help="PEM certificate of who signs; not for an audit.yaml.")
@click.option("--key", type=_FILE, help="PEM private key; not for an audit.yaml.")
@click.option("--chain", type=_FILE, multiple=True, help="PEM intermediate certificates.")
@click.option(
    "--passphrase-env", metavar="NAME", help="Environment variable that holds the key's passphrase."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(
    file: Path,
    out: Path | None,
    certificate: Path | None,
    key: Path | None,
    chain: tuple[Path, ...],
    passphrase_env: str | None,
    force: bool,
) -> int:
    """Seal the plan in an audit.yaml, or sign any other FILE as its maker.

    A plan is sealed with the signer that the audit.yaml names: promises, criteria, thresholds and expected
    evidence. Name the pack under `plan:` when the data are there: criteria that stand in it unchanged are
    then declared beforehand, by the signer's own clock. Any other file gets a detached signature beside
    it, with which a provider vouches for an export.

    \b
    Examples:
      auditgen sign audit.yaml -o plan.zip
      auditgen sign run.eval --certificate lab.pem --key lab.key.pem
    """
    from datetime import UTC, datetime

    from auditgen.errors import EnvironmentRefused, InputRefused

    now = datetime.now(UTC)
    is_plan = _is_audit(file)
    target = out or (file.parent / "plan.zip" if is_plan else file.with_name(file.name + ".p7s"))
    if target.exists() and not force:
        raise EnvironmentRefused(
            f"`{target}` is there already; nothing was written", hint="replace it with --force"
        )
    if is_plan:
        if certificate is not None or key is not None:
            raise InputRefused(
                "an audit.yaml names its own signer; nothing was written",
                hint="leave out --certificate and --key",
            )
        from auditgen.pipeline.plan import seal_plan

        summary = seal_plan(file, target, now)
        click.echo(f"sealed the plan in {target}: SHA-256 {summary.sha256}")
        click.echo("Give it away now: whoever holds it can say since when it has been so.", err=True)
        click.echo(f"later, in audit.yaml: plan: {{pack: {target.name}, trust: [CA.pem]}}", err=True)
        return 0
    if certificate is None or key is None:
        raise InputRefused(
            f"`{file}` is no audit.yaml: name who signs it; nothing was written",
            hint="give --certificate and --key",
        )
    from auditgen.pipeline.signing import write_signature

    signer = _signer(certificate, key, chain, passphrase_env, now)
    write_signature(file, target, signer, now)
    mark = " with a DEVELOPMENT key" if signer.is_development else ""
    click.echo(f"signed {file}{mark}: {target}")
    return 0


def _is_audit(file: Path) -> bool:
    """By what it says of itself; a mapping or an export is never taken for a plan."""
    if file.suffix.lower() not in {".yaml", ".yml"}:
        return False
    with file.open("rb") as stream:
        return AUDIT_SCHEMA.encode() in stream.read(HEAD_BYTES)


def _signer(
    certificate: Path, key: Path, chain: tuple[Path, ...], passphrase_env: str | None, now: datetime
) -> Signer:
    import os

    from auditgen.errors import SignerRefused
    from auditgen.seal import load_signer

    passphrase = None
    if passphrase_env is not None:
        text = os.environ.get(passphrase_env, "")
        if not text:
            raise SignerRefused(
                f"the environment variable `{passphrase_env}` is empty or not set",
                hint="nothing was written; set it, or leave out --passphrase-env",
            )
        passphrase = text.encode()
    return load_signer(certificate, key, chain=chain, passphrase=passphrase, now=now)
