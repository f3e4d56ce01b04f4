"""The distributions behind the intervals: normal, beta, binomial, Student's t."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from auditgen.indicators.inference import checks

_STANDARD = NormalDist()


def normal_quantile(confidence: float) -> float:
    """The two-sided standard normal quantile, 1.95996... for 0.95."""
    return _STANDARD.inv_cdf(0.5 + checks.confidence(confidence) / 2)


def one_sided_quantile(probability: float) -> float:
    """The standard normal quantile of a probability, 1.64485... for 0.95."""
    return _STANDARD.inv_cdf(checks.fraction("probability", probability, open_=True))


def normal_tail(z: float) -> float:
    """P(Z > z); exact in relative terms far out, where 1 - cdf(z) would be 0."""
    return math.erfc(z / math.sqrt(2)) / 2


def student_quantile(confidence: float, degrees: float) -> float:
    """The two-sided quantile of Student's t, 2.77645... for 0.95 and 4 degrees of freedom.

    With T^2 / (df + T^2) ~ Beta(1/2, df/2). Both the fraction and its complement come from a quantile of
    their own: a difference from 1 would lose its digits.
    """
    checks.confidence(confidence)
    checks.positive("degrees", degrees)
    part = beta_quantile(confidence, 0.5, degrees / 2)
    rest = beta_quantile(1 - confidence, degrees / 2, 0.5)
    return math.sqrt(degrees * part / rest)


def student_tails(t: float, degrees: float) -> float:
    """P(|T| > |t|) of Student's t: the two-sided p value."""
    checks.positive("degrees", degrees)
    if math.isinf(t):
        return 0.0
    return beta_cdf(degrees / (degrees + t * t), degrees / 2, 0.5)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X binomial with `n` trials of probability `p`."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return beta_cdf(1 - p, n - k, k + 1)


def log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@lru_cache(maxsize=512)
def beta_quantile(probability: float, a: float, b: float) -> float:
    """Inverse of the regularised incomplete beta function (scipy.special, loaded when first asked)."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b), DLMF 8.17.2; 0 below and 1 above its range."""
    from scipy.special import betainc

    return float(betainc(a, b, min(max(x, 0.0), 1.0)))
