"""Intervals and exact tests for shares, by statsmodels and scipy."""

from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint


def wilson(x: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of x out of n (Wilson 1927)."""
    _check(x, n)
    low, high = proportion_confint(x, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def newcombe(x1: int, n1: int, x2: int, n2: int, level: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's interval of x1/n1 - x2/n2 from the two Wilson intervals (Newcombe 1998, method
    10).
    """
    _check(x1, n1)
    _check(x2, n2)
    low, high = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff", alpha=1 - level)
    return float(low), float(high)


def binomial_p(x: int, n: int, share: float) -> float:
    """Return the exact two-sided binomial p of x out of n against `share`."""
    _check(x, n)
    return float(stats.binomtest(x, n, share).pvalue)


def _check(x, n) -> None:
    if n < 1 or not 0 <= x <= n:
        raise ValueError(f"{x} out of {n} is not a share.")
