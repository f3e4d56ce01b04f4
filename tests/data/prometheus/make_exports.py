"""Made with Prometheus 2.42, Alertmanager 0.25 (Debian) and prometheus_client: `python make_exports.py OUT BIN`.

Everything runs on this machine: an application that counts, a server that scrapes it every second, and a
receiver of notifications. The application is started anew half-way, so that its counters begin again.
"""

import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

OUT, BIN = Path(sys.argv[1]), Path(sys.argv[2])
APP, SERVER, MANAGER, HOOK = 18773, 18775, 18774, 18776
CONFIG = f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{MANAGER}"]}}]}}]}}
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["127.0.0.1:{APP}"], labels: {{instance: gateway-1}}}}]
"""
RULES = """
groups:
  - name: safety
    rules:
      - alert: RefusalGap
        expr: sample_refusal_ratio{cohort="paid"} - on (category) sample_refusal_ratio{cohort="free"} > 0.2
        labels: {severity: critical, control: P1}
        annotations: {summary: "gap {{ $value | printf \\"%.2f\\" }} for {{ $labels.category }}"}
"""
ROUTES = f"""
route: {{receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: "http://127.0.0.1:{HOOK}/", max_alerts: 1, send_resolved: true}}]}}]
"""
NOTICES: list[str] = []


class Application:
    """What a gateway would count."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ratio = Gauge("sample_refusal_ratio", "Share of refusals", ["cohort", "category"], registry=self.registry)
        self.blocked = Counter("sample_guardrail_actions", "Actions", ["action"], registry=self.registry)
        self.seconds = Histogram("sample_latency_seconds", "Latency", buckets=(0.5, 5), registry=self.registry)
        for cohort, value in (("free", 0.12), ("paid", 0.97)):
            for category in ("violence", "fraud"):
                self.ratio.labels(cohort, category).set(value)
        self.ratio.labels("free", 'a "quoted"\\ one\nin two lines').set(float("nan"))
        self.blocked.labels("block").inc(41, {"trace_id": "3142cd15464b1f872d380245bfa477e6"})
        self.seconds.observe(0.3)


app = Application()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(generate_latest(app.registry))

    def do_POST(self):
        NOTICES.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def get(port, path, **query):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}") as answer:
        return answer.read().decode()


def main():
    global app
    OUT.mkdir(parents=True, exist_ok=True)
    for port in (APP, HOOK):
        threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "prometheus.yml").write_text(CONFIG)
        (work / "rules.yml").write_text(RULES)
        (work / "routes.yml").write_text(ROUTES)
        running = [
            subprocess.Popen([BIN / "prometheus-alertmanager", "--config.file=routes.yml", f"--web.listen-address=127.0.0.1:{MANAGER}",
                              "--web.external-url=http://alertmanager.example", "--web.route-prefix=/", "--cluster.listen-address=", "--storage.path=am"], cwd=work),
            subprocess.Popen([BIN / "prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{SERVER}",
                              "--web.external-url=http://prometheus.example", "--web.route-prefix=/", "--storage.tsdb.path=data"], cwd=work),
        ]
        try:
            time.sleep(8)
            (OUT / "exposition.txt").write_bytes(generate_latest(app.registry))
            (OUT / "openmetrics.txt").write_bytes(generate_openmetrics(app.registry))
            query = 'sample_refusal_ratio'
            (OUT / "vector.json").write_text(get(SERVER, "/api/v1/query", query=query))
            (OUT / "scalar.json").write_text(get(SERVER, "/api/v1/query", query="scalar(sum(sample_guardrail_actions_total))"))
            (OUT / "alerts.json").write_text(get(SERVER, "/api/v1/alerts"))
            (OUT / "rules.json").write_text(get(SERVER, "/api/v1/rules"))
            (OUT / "api-v2.json").write_text(get(MANAGER, "/api/v2/alerts"))
            app = Application()
            app.blocked.labels("block").inc(-0)
            app.blocked.clear()
            app.blocked.labels("block").inc(2)
            for category in ("violence", "fraud"):
                app.ratio.labels("free", category).set(0.96)
            time.sleep(8)
            now = time.time()
            (OUT / "matrix.json").write_text(
                get(SERVER, "/api/v1/query_range", query="sample_guardrail_actions_total", start=now - 14, end=now, step="2s")
            )
            try:
                get(SERVER, "/api/v1/query", query="sum(")
            except urllib.error.HTTPError as error:
                (OUT / "failed.json").write_text(error.read().decode())
        finally:
            for process in running:
                process.terminate()
                process.wait()
    (OUT / "webhook.jsonl").write_text("".join(json.dumps(json.loads(notice)) + "\n" for notice in NOTICES))


main()
