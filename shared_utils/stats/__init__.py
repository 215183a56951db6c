"""Statistics that know no city, file or setting: pure functions on frames and arrays.

balance, attrition, power, spc (control charts), multiplicity, intervals, decision, assignment, randomization,
sensitivity, bounds (missing outcomes), costs, meta (several pilots together).
Each module says its question, its method and the source, and reproduces published figures in tests/stats.
Import the module you need (`from shared_utils.stats import balance`); nothing heavy loads before that.
"""
