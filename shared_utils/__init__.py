"""Shared code of the economic-mobility pilots.

Importing this package loads nothing heavy: hooks, `emi --help` and a city's load cell all start here.
"""

__version__ = "1.0.0"
