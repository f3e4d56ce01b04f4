"""Make the Giskard scan of this folder: a classifier by rule that looks at one column only.

Usage: python make_scan.py OUT.json (in an environment with `giskard==2.19.2`)
"""


import os
import sys

os.environ["GSK_DISABLE_ANALYTICS"] = "True"

import giskard
import numpy as np
import pandas as pd

rng = np.random.default_rng(7)
rows = pd.DataFrame(
    {"age": rng.integers(18, 80, 300), "tier": rng.choice(["free", "paid"], 300), "y": rng.choice(["no", "yes"], 300)}
)


def by_age(asked):
    return np.array([[0.9, 0.1] if age > 30 else [0.3, 0.7] for age in asked["age"]])


model = giskard.Model(
    by_age,
    model_type="classification",
    name="acme-model-v1",
    classification_labels=["no", "yes"],
    feature_names=["age", "tier"],
)
report = giskard.scan(model, giskard.Dataset(rows, target="y"), verbose=False)
report.to_json(sys.argv[1])
