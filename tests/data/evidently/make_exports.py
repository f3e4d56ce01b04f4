"""Made with evidently 0.7.23: `python make_exports.py OUT` (numbers are drawn with a fixed seed)."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Report
from evidently.metrics import CategoryCount, MeanValue, MinValue, UniqueValueCount
from evidently.tests import gte, lt, lte

OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(7)
frame = pd.DataFrame(
    {
        "toxicity": rng.beta(2, 18, 200).round(4),
        "refused": rng.random(200) < 0.9,
        "category": rng.choice(["violence", "fraud", "none"], 200),
    }
)
report = Report(
    [
        MeanValue(column="toxicity", tests=[lte(0.06)]),
        MinValue(column="toxicity", tests=[lt(0.5, is_critical=False)]),
        CategoryCount(column="refused", category=True, share_tests=[gte(0.95, is_critical=False)]),
        UniqueValueCount(column="category"),
    ],
    metadata={"model": "acme/model"},
    tags=["third quarter"],
)
result = report.run(frame, None)
(OUT / "report.json").write_text(result.json())
(OUT / "snapshot.json").write_text(result.dumps())
