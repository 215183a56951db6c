"""The reporting block of city.yml: how results are told. Nothing here changes a number or the plan."""

import datetime
from typing import Literal

from pydantic import field_validator

from shared_utils.config.fields import Block, Positive, Role, Text, refused


class SpanishWords(Block):
    """What only the city can say in Spanish: with it, residents get their page and brief in Spanish too."""

    title: Text
    population: Text
    activities: Text
    primary: Text  # the main outcome
    unit: str = ""  # its unit, when it is neither a share nor an amount


class Reporting(Block):
    """Audiences, formats and the words of other languages."""

    audience: list[Text] = ["program_manager", "mayor_office", "network"]
    language: Literal["en-US"] = "en-US"
    reading_level_max: Positive = 9
    notebooks: list[Literal["baseline", "monitoring", "impact"]] = ["baseline", "monitoring", "impact"]
    formats: list[Literal["html", "json"]] = ["html", "json"]
    monitoring_as_of: str = "latest"
    contact_role: Role = "City pilot lead"
    spanish: SpanishWords | None = None

    @field_validator("monitoring_as_of")
    @classmethod
    def _latest_or_time(cls, value):
        for layout in ("%Y-%m", "%Y-%m-%d"):
            try:
                datetime.datetime.strptime(value, layout)
                return value
            except ValueError:
                continue
        if value != "latest":
            raise refused(f"'{value}' is not a month or a day.", ("latest", "YYYY-MM", "YYYY-MM-DD"))
        return value
