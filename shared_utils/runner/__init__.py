"""The batch runner: what would run and why, then run it, then say what happened.

It knows the result record and the names of the notebooks, not the sections, designs or data: `prepare` is
handed in. Importing it loads neither papermill nor pandas.
"""

from shared_utils.runner.execute import BatchReport, Result, execute
from shared_utils.runner.plan import Job, Plan, PlanError, city_names, plan
from shared_utils.runner.status import survey

__all__ = ["BatchReport", "Job", "Plan", "PlanError", "Result", "city_names", "execute", "plan", "survey"]
