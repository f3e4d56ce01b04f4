"""False alarms of somebody who looks after every record; simulated with seeds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from auditgen.indicators.inference.sequential import (
    EProcess,
    RunningSequence,
    log_e_value,
)

STREAMS, LOOKS, ALPHA = 2000, 2000, 0.05


def streams(p: float, seed: int) -> NDArray[np.int64]:
    """Hits so far: a row per stream, a column per look."""
    drawn = np.random.default_rng(seed).random((STREAMS, LOOKS), dtype=np.float32) < p
    return np.cumsum(drawn, axis=1)


def alarms(hits: NDArray[np.int64], p0: float) -> NDArray[np.bool_]:
    """Which streams our rule stops: per look, the counts at which our own function is beyond the limit."""
    limit = -np.log(ALPHA)
    out = np.zeros(len(hits), dtype=bool)
    for look in range(LOOKS):
        t = look + 1
        # log E falls and then rises in s, so the counts that do not stop are one stretch around t * p0
        low = high = round(t * p0)
        while low > 0 and log_e_value(low - 1, t, p0) < limit:
            low -= 1
        while high < t and log_e_value(high + 1, t, p0) < limit:
            high += 1
        out |= (hits[:, look] < low) | (hits[:, look] > high)
    return out


@pytest.fixture(scope="module")
def under_the_null() -> NDArray[np.int64]:
    return streams(0.03, 20)


def test_our_rule_keeps_its_promise_and_the_naive_one_does_not(under_the_null: NDArray[np.int64]) -> None:
    hits, p0 = under_the_null, 0.03
    t = np.arange(1, LOOKS + 1)
    s = hits.astype(float)
    share = float(alarms(hits, p0).mean())
    assert 0.002 < share <= ALPHA
    # the very same streams, looked at with the z test of one look, from the 30th record on
    z = (s / t - p0) / np.sqrt(p0 * (1 - p0) / t)
    naive = float((np.abs(z[:, 29:]) > stats.norm.ppf(1 - ALPHA / 2)).any(axis=1).mean())
    assert naive > 5 * ALPHA
    # and so is an exact interval looked at again and again
    low = stats.beta.ppf(ALPHA / 2, s[:, 29::20], t[29::20] - s[:, 29::20] + 1)
    high = stats.beta.ppf(1 - ALPHA / 2, s[:, 29::20] + 1, t[29::20] - s[:, 29::20])
    exact = float(((np.nan_to_num(low) > p0) | (high < p0)).any(axis=1).mean())
    assert exact > 2 * ALPHA


def test_the_states_alarm_where_the_formula_does(under_the_null: NDArray[np.int64]) -> None:
    p0, looks = 0.03, 300
    for row in under_the_null[:12, :looks]:
        state = EProcess(p0)
        results = np.diff(row, prepend=0)
        for x in results:
            state = state.update(bool(x))
        t = np.arange(1, looks + 1)
        log_e = special.betaln(1 + row, 1 + t - row) - row * np.log(p0) - (t - row) * np.log1p(-p0)
        assert state.highest == pytest.approx(max(0.0, float(log_e.max())), abs=1e-8)


def test_a_true_change_is_found() -> None:
    hits = streams(0.09, 21)
    assert float(alarms(hits, 0.03).mean()) > 0.99


def test_the_running_interval_holds_the_rate_at_every_look() -> None:
    generator = np.random.default_rng(22)
    lost = 0
    for _ in range(150):
        state = RunningSequence(0.8)
        for x in generator.random(120) < 0.2:
            state = state.update(bool(x))
        lost += not state.lower <= 0.2 <= state.upper
    assert 0 < lost <= 0.2 * 150
