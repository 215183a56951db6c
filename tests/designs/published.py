"""When a number of ours equals a published one."""


def prints_as(value, published: str) -> bool:
    """Return whether `value` rounds to the published figure: half a unit of its last printed digit."""
    decimals = len(published.split(".")[1]) if "." in published else 0
    return abs(value - float(published)) <= 0.5 * 10.0**-decimals + 1e-9
