"""Made with whylogs 1.6.4: `python make_exports.py OUT` (numbers are drawn with a fixed seed)."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

os.environ["WHYLOGS_NO_ANALYTICS"] = "True"
import numpy as np
import pandas as pd
import whylogs as why

OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(7)
frame = pd.DataFrame(
    {"toxicity": [*rng.beta(2, 18, 18).round(4), None, None], "refused": [1] * 17 + [0] * 3, "category": ["a", "b"] * 10}
)
profile = why.log(frame).profile()
profile.set_dataset_timestamp(datetime(2026, 9, 15, 12, tzinfo=UTC))
profile._metadata["whylogs.tag.model"] = "acme/model"
view = profile.view()
view.write(str(OUT / "profile.bin"))
view.to_pandas().to_csv(OUT / "view.csv")
