"""`auditgen keys`: make keys to try sealing with."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("keys")
def command() -> None:
    """Make development keys.

    For production, use a document-signing certificate from an authority your readers trust.

    \b
    Example:
      auditgen keys init -d keys
    """


@command.command("init")
@click.option(
    "-d",
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("keys"),
    show_default=True,
    help="Where to write the four files.",
)
@click.option(
    "--organisation", default="Example Ltd", show_default=True, help="Whose seal it will be."
)
@click.option(
    "--name", default="Report signer", show_default=True, help="Who signs, as readers will see it."
)
@click.option(
    "--passphrase-env",
    metavar="NAME",
    help="Encrypt the keys with the passphrase held by this environment variable.",
)
def init(directory: Path, organisation: str, name: str, passphrase_env: str | None) -> int:
    """Make a DEVELOPMENT root and one signer (RSA-3072).

    An existing key is never overwritten.

    \b
    Example:
      auditgen keys init -d keys --organisation "Acme Ltd" --name "A. Auditor"
    """
    from datetime import UTC, datetime

    from auditgen.seal.keys import init_keys

    paths = init_keys(
        directory,
        organisation=organisation,
        name=name,
        now=datetime.now(UTC),
        passphrase=_passphrase(passphrase_env),
    )
    click.echo(f"made a DEVELOPMENT signer in {directory} (not for production):")
    click.echo(f"  {paths.ca}          the root: give this to readers, for --trust")
    click.echo(f"  {paths.certificate}      the signer's certificate")
    click.echo(f"  {paths.key}  the signer's key: keep it secret")
    click.echo(f"  {paths.ca_key}      the root's key: keep it secret, or delete it")
    click.echo(f"next: make a report with these keys, then auditgen verify FILE --trust {paths.ca}")
    return 0


def _passphrase(variable: str | None) -> bytes | None:
    import os

    from auditgen.errors import SignerRefused

    if variable is None:
        return None
    value = os.environ.get(variable, "")
    if not value:
        raise SignerRefused(
            f"the environment variable `{variable}` is empty or not set",
            hint="no keys were made; set it, or leave out --passphrase-env",
        )
    return value.encode("utf-8")
