"""What every `design:` block is made of: lists of columns, who got the service, and the two bases."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from shared_utils.config.fields import Block, DateWindow, Text, refused

_RULE = re.compile(
    r"count\((?P<service_type>\w+)(?:, *within_days=(?P<within_days>\d+))?\) *>= *(?P<at_least>[1-9]\d*)"
)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Columns = Annotated[list[Text], BeforeValidator(_listed)]  # one column may be written without brackets


class Received(Block):
    """Who got the service: a count over the `services` table, such as `count(coaching_contact) >= 1`."""

    from_: Literal["services"] = Field("services", alias="from")
    rule: str

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value):
        return {"rule": f"count({value}) >= 1"} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _readable(self):
        if not _RULE.fullmatch(self.rule):
            raise refused(f"'{self.rule}' is not a rule. Write it like count(session_completed, within_days=90) >= 1.")
        return self

    @property
    def service_type(self) -> str:
        return _RULE.fullmatch(self.rule)["service_type"]

    @property
    def at_least(self) -> int:
        return int(_RULE.fullmatch(self.rule)["at_least"])

    @property
    def within_days(self) -> int | None:
        """Days from assignment in which a service counts; None: any time."""
        days = _RULE.fullmatch(self.rule)["within_days"]
        return int(days) if days else None


class DesignBase(Block):
    PROTOCOL: ClassVar[tuple[str, ...]] = ()
    ROLES: ClassVar[tuple[str, ...]] = ()
    ROLES_ONLY: ClassVar[tuple[str, ...]] = ()
    FILE_ONLY: ClassVar[bool] = False  # True: this design needs data.analysis_file
    SUBGROUPS: ClassVar[bool] = True  # False: the result cannot be split into groups of people or places

    assignment_unit: Text = "participant"
    arm_labels: dict[str, str] = {}  # arm -> display name
    weights: str | None = None
    options: dict[str, Any] = {}  # passed to the estimator, which refuses what it does not know


class Arms(DesignBase):
    """Designs that compare named arms; the comparison arm is first."""

    arms: list[Text] = []
    strata: Columns = []
    treatment_received: Received | None = None
    enrollment_window: DateWindow | None = None
    secondary_estimands: list[Literal["CACE"]] = []
