"""Servers for the tests: started on a free port, given tables, stopped."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SECRET = "p@ss;word'1"


@dataclass
class Server:
    """A running server."""

    name: str
    url: str
    folder: Path
    secret: str = ""
    process: Any = None
    session: Any = None
    cleanup: list[Any] = field(default_factory=list)
    count: int = 0

    @property
    def has_structs(self) -> bool:
        """Whether its columns can be structs."""
        return self.name != "postgres"

    def give(self, table: pa.Table) -> tuple[str, Path]:
        """Put a table on the server: its name there, and the same as a Parquet file."""
        self.count += 1
        name = f"log_{self.count}"
        path = self.folder / name / f"{name}.parquet"
        path.parent.mkdir()
        pq.write_table(table, path)
        if self.name == "postgres":
            self._copy(name, table)
            return f"public.{name}", path
        self.session.sql("CREATE DATABASE IF NOT EXISTS gateway").collect()
        self.session.sql(f"CREATE TABLE gateway.{name} USING parquet LOCATION '{path.parent}'").collect()
        return f"gateway.{name}", path

    def _copy(self, name: str, table: pa.Table) -> None:
        kinds = {
            pa.string(): "text",
            pa.int64(): "bigint",
            pa.float64(): "double precision",
            pa.bool_(): "boolean",
            pa.date32(): "date",
            pa.timestamp("us"): "timestamp",
            pa.timestamp("us", "UTC"): "timestamptz",
        }
        columns = ", ".join(f'"{f.name}" {kinds[f.type]}' for f in table.schema)
        with self.session.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {name} ({columns})")
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in zip(*(table.column(n).to_pylist() for n in table.column_names), strict=True):
                    copy.write_row(row)
        self.session.commit()

    def stop(self) -> None:
        """End what was started, and only that."""
        for step in reversed(self.cleanup):
            step()


def start(name: str, folder: Path) -> Server:
    """Start a server; raises when it cannot run."""
    return {"sail": _sail, "spark": _spark, "postgres": _postgres}[name](folder)


def _sail(folder: Path) -> Server:
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    process = SparkConnectServer()
    process.start(background=True)
    _, port = process.listening_address
    # a session of Sail has tables of its own: that of the tests and that of the program must be one
    url = f"sc://127.0.0.1:{port}/;session_id={uuid.uuid4()}"
    server = Server("sail", url, folder, process=process)
    server.session = _session(server.url)
    server.cleanup = [process.stop, server.session.stop]
    return server


def _spark(folder: Path) -> Server:
    """Apache Spark with its Connect server, out of a virtualenv of its own."""
    python = os.environ["AUDITGEN_SPARK_PYTHON"]
    home = subprocess.run(
        [python, "-c", "import pyspark, pathlib; print(pathlib.Path(pyspark.__file__).parent)"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    port = free_port()
    log = (folder / "spark.log").open("wb")
    command = [
        f"{home}/bin/spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--name", "auditgen-tests", "--master", "local[2]",
        "--conf", f"spark.connect.grpc.binding.port={port}",
        "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
        "--conf", "spark.driver.bindAddress=127.0.0.1", "--conf", "spark.driver.host=127.0.0.1",
        "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=2",
        # compiling a query of a test takes ten times as long as running it; one test does compile
        "--conf", "spark.sql.codegen.wholeStage=false", "--conf", "spark.sql.codegen.factoryMode=NO_CODEGEN",
        "--driver-java-options", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "--conf", f"spark.sql.warehouse.dir={folder}/warehouse", "--driver-memory", "2g",
    ]  # fmt: skip
    environment = os.environ | {"SPARK_HOME": home, "PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment.pop("SPARK_REMOTE", None)
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    server = Server("spark", f"sc://127.0.0.1:{port}", folder, process=process)
    server.cleanup = [log.close, lambda: _end(process)]
    try:
        _wait(port, process, 120, folder / "spark.log")
        server.session = _session(server.url)
    except BaseException:
        server.stop()
        raise
    server.cleanup.append(server.session.stop)
    return server


def _postgres(folder: Path) -> Server:
    """PostgreSQL of the distribution, with a data directory of its own, as the user `postgres` when we are root."""
    import psycopg

    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[-2]))
    tools = Path(found[-1]) if found else Path(shutil.which("initdb") or "initdb").parent
    place = Path(tempfile.mkdtemp(prefix="auditgen-postgres-"))
    password = place / "password"
    password.write_text(SECRET)
    prefix: list[str] = []
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (place, password):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    data, port = place / "data", free_port()
    initdb = [
        *prefix, str(tools / "initdb"), "-D", str(data), "-U", "auditor", "-A", "scram-sha-256",
        f"--pwfile={password}", "--locale=en_US.UTF-8" if _has_locale() else "--locale=C.UTF-8", "-E", "UTF8",
    ]  # fmt: skip
    subprocess.run(initdb, check=True, capture_output=True, cwd=place)
    log = (folder / "postgres.log").open("wb")
    command = [
        *prefix, str(tools / "postgres"), "-D", str(data), "-p", str(port), "-k", str(place),
        "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=place, stdout=log, stderr=log)
    url = f"postgresql://auditor@127.0.0.1:{port}/postgres"
    server = Server("postgres", url, folder, secret=SECRET, process=process)
    server.cleanup = [lambda: shutil.rmtree(place, ignore_errors=True), log.close, lambda: _end(process)]
    try:
        _wait(port, process, 60, folder / "postgres.log")
        server.session = psycopg.connect(
            host="127.0.0.1", port=port, user="auditor", password=SECRET, dbname="postgres"
        )
    except BaseException:
        server.stop()
        raise
    server.cleanup.append(server.session.close)
    return server


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _session(url: str) -> Any:
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    return builder.remote(url).create()


def _has_locale() -> bool:
    found = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return "en_US.utf8" in found


def _wait(port: int, process: Any, seconds: float, log: Path) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as one:
            one.settimeout(1)
            if one.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.5)
                return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def _end(process: Any) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
