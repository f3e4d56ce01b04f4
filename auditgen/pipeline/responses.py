"""Responses for a judge: every text once, under the digest by which its label will find it back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from auditgen.errors import EnvironmentRefused
from auditgen.sources.labels import response_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def write_responses(tables: Iterable[Path], out: Path) -> int:
    """Write the distinct responses of observation tables as JSON lines; returns how many.

    The file appears whole or not at all. Raises EnvironmentRefused when it cannot be written.
    """
    seen: set[bytes] = set()
    try:
        handle, name = tempfile.mkstemp(prefix=".auditgen-", dir=out.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                for prompt, response in _texts(tables):
                    digest = response_digest(response)
                    if bytes.fromhex(digest) in seen:
                        continue
                    seen.add(bytes.fromhex(digest))
                    line = {
                        "response_sha256": digest,
                        "prompt": prompt,
                        "response": response,
                        "refused": None,
                    }
                    stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            Path(name).replace(out)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise EnvironmentRefused(
            f"`{out}` cannot be written: {error.strerror or error}",
            hint="name a file in a folder that exists and may be written to",
        ) from error
    return len(seen)


def _texts(tables: Iterable[Path]) -> Iterator[tuple[str | None, str]]:
    import pyarrow.parquet as pq

    for table in tables:
        with pq.ParquetFile(table) as file:
            for batch in file.iter_batches(columns=["prompt", "response"]):
                for row in batch.to_pylist():
                    if row["response"] is not None:
                        yield row["prompt"], row["response"]
