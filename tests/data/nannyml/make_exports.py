"""Made with nannyml 0.13.1: `python make_exports.py OUT` (the first columns of its own car-loan sample)."""

import sys
from pathlib import Path

import nannyml as nml

OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
reference, analysis, _ = nml.load_synthetic_car_loan_dataset()
calculator = nml.UnivariateDriftCalculator(
    column_names=["car_value", "salary_range"],
    timestamp_column_name="timestamp",
    continuous_methods=["jensen_shannon"],
    categorical_methods=["chi2"],
    chunk_size=25_000,
)
calculator.fit(reference)
calculator.calculate(analysis).to_df(multilevel=False).to_csv(OUT / "drift.csv", index=False)
estimator = nml.CBPE(
    y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="repaid", timestamp_column_name="timestamp",
    metrics=["roc_auc"], chunk_size=25_000, problem_type="classification_binary",
)
estimator.fit(reference)
estimator.estimate(analysis).to_df(multilevel=False).to_csv(OUT / "estimate.csv", index=False)
