"""`auditgen verify`: check a sealed file or pack, needing nothing but the file and an anchor."""

from __future__ import annotations

from pathlib import Path

import click

from auditgen.cli.options import format_option

_KNOWN = ("timestamp", "revocation")


def _requirements(
    context: click.Context, option: click.Parameter, value: str
) -> frozenset[str]:
    """The comma-separated words of `--require`, or a usage error naming the wrong one."""
    words = frozenset(word.strip() for word in value.split(",") if word.strip())
    if unknown := sorted(words.difference(_KNOWN)):
        message = f"`{unknown[0]}` is not one of {', '.join(_KNOWN)}"
        raise click.BadParameter(message, context, option)
    return words


@click.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PEM certificate you trust, got by a way you trust. May be given several times.",
)
@click.option(
    "--require",
    callback=_requirements,
    default="",
    metavar="LIST",
    help="Checks without which the result is 22: timestamp, revocation (comma-separated).",
)
@format_option
def command(
    file: Path, trust: tuple[Path, ...], require: frozenset[str], output_format: str
) -> int:
    """Check a sealed FILE: a pack (.zip), a signed PDF, or a file with its .p7s beside it.

    A certificate found inside FILE is never trusted; only --trust decides.

    \b
    Example:
      auditgen verify pack.zip --trust ca.pem

    \b
    Exit codes:
      0   intact, signed in every required role, signer trusted
      20  changed after sealing, or a signature of a pack is missing
      21  intact, but the signer is not trusted (or no --trust was given)
      22  not fully checkable: a lone file has no signature, or a required check could not run
      4   a --trust file cannot be read
    """
    import json
    from datetime import UTC, datetime

    from auditgen.verify import Policy, examine
    from auditgen.verify.wording import describe

    policy = Policy(trust=trust, require=require, now=datetime.now(UTC))
    examination = examine(file, policy)
    if output_format == "json":
        click.echo(json.dumps(examination.to_dict(), indent=2, ensure_ascii=True))
    else:
        click.echo(describe(examination), nl=False)
    return int(examination.exit_code)
