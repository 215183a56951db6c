"""The `design:` block: one model a design type (pilots.md 1 and 3; column roles: statistics.md 0).

A city describes its design in one of two ways, and each model names the keys each way needs:
- with a data model (mappings): `PROTOCOL` keys say how assignment was done; columns come from the tables;
- with one `data.analysis_file`: `ROLES` name that file's columns; protocol keys become optional.
`ROLES_ONLY` are column roles that mean nothing without an analysis file.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from shared_utils.config.design_base import Arms, Columns, DesignBase, Received
from shared_utils.config.fields import Block, Count, Date, DateWindow, Moment, MonthWindow, Positive, Share, Text


class RctIndividual(Arms):
    PROTOCOL = ("arms", "strata", "treatment_received", "enrollment_window")
    ROLES = ("treatment",)
    ROLES_ONLY = ("treatment", "received")

    type: Literal["rct_individual"]
    treatment: str | None = None
    received: str | None = None
    estimand: Literal["ITT"] = "ITT"
    estimator: Literal["lin_ols_hc2"] = "lin_ols_hc2"


class RctCluster(Arms):
    PROTOCOL = ("arms", "unit_type", "cluster", "strata", "icc_planning", "followup_window")
    ROLES = ("treatment", "cluster")
    ROLES_ONLY = ("treatment", "received")

    type: Literal["rct_cluster"]
    treatment: str | None = None
    received: str | None = None
    cluster: str | None = None
    unit_type: str | None = None
    icc_planning: Share | None = None
    followup_window: DateWindow | None = None
    estimand: Literal["ITT"] = "ITT"
    estimator: Literal["ols_site_fe_cr2"] = "ols_site_fe_cr2"


class DidStaggered(DesignBase):
    PROTOCOL = ("unit_type", "cohort_column", "comparison", "base_period", "weights", "anticipation_months")
    ROLES = ("unit", "time", "cohort")
    ROLES_ONLY = ROLES

    type: Literal["did_staggered"]
    unit: str | None = None
    time: str | None = None
    cohort: str | None = None  # first treated period; empty: not treated in the data
    unit_type: str | None = None
    cohort_column: str | None = None
    cluster: str | None = None
    period: Literal["month", "quarter", "year"] = "month"
    comparison: Literal["not_yet_treated", "never_treated"] = "not_yet_treated"
    base_period: Literal["g_minus_1"] = "g_minus_1"
    anticipation_months: Count = 0
    estimand: Literal["ATT_OVERALL"] = "ATT_OVERALL"
    estimator: Literal["callaway_santanna"] = "callaway_santanna"


class WeakIv(Block):
    effective_f_min: Annotated[float, Field(gt=0)] = 10.0
    report_anderson_rubin: bool = True


class IvEncouragement(Arms):
    PROTOCOL = ("arms", "instrument", "treatment_received", "weak_iv", "exclusion_concern")
    ROLES = ("instrument", "treatment")
    ROLES_ONLY = ("treatment", "cluster")

    type: Literal["iv_encouragement"]
    instrument: str | None = None  # the encouragement: `arm`, or a 0/1 column of the analysis file
    treatment: str | None = None  # the service received, 0/1
    cluster: str | None = None
    weak_iv: WeakIv = WeakIv()
    exclusion_concern: Literal["low", "medium", "high"] = "medium"
    estimand: Literal["LATE"] = "LATE"
    estimator: Literal["tsls_hc"] = "tsls_hc"


class RctBlockedLottery(Arms):
    PROTOCOL = ("arms", "blocks", "assign_prob_column", "waitlist_rule")
    ROLES = ("treatment", "strata", "assign_prob")
    ROLES_ONLY = ("treatment", "received", "assign_prob")

    type: Literal["rct_blocked_lottery"]
    treatment: str | None = None
    received: str | None = None
    assign_prob: str | None = None
    blocks: Columns = []
    assign_prob_column: str | None = None
    waitlist_rule: str | None = None
    estimand: Literal["ITT"] = "ITT"
    estimator: Literal["ipw_block_lin_hc2"] = "ipw_block_lin_hc2"


class PanelInference(Block):
    se: Literal["cluster_jackknife"] = "cluster_jackknife"
    df: Literal["treated_clusters_minus_1"] = "treated_clusters_minus_1"
    randomization_inference_draws: Positive = 2000


class PanelSpecification(Block):
    """One pre-listed sensitivity analysis; keys left out stay as in the main analysis."""

    id: Text
    estimator: Literal["synthetic_did", "synthetic_control", "interrupted_time_series"] | None = None
    adoption_date: Date | None = None
    post_window: MonthWindow | None = None
    aggregate_treated: bool = False
    unit_trends: bool = False
    exclude_attribute: str | None = None


class PanelDiagnostics(Block):
    event_study: bool = True
    joint_pretrend_alpha: Share = 0.10
    honest_did_mbar: list[float] = [0.5, 1.0, 1.5, 2.0]


class PanelDid(DesignBase):
    PROTOCOL = ("treated_rule", "adoption_date", "pre_window", "post_window", "cluster", "estimator")
    ROLES = ("unit", "time", "treatment", "estimator")
    ROLES_ONLY = ("unit", "time", "treatment", "exposure")

    type: Literal["panel_did"]
    unit: str | None = None
    time: str | None = None
    treatment: str | None = None  # 1 in treated units from their first treated period, else 0
    exposure: str | None = None
    treated_rule: str | None = None  # key of units.attributes holding 1/0
    adoption_date: Date | None = None
    pre_window: MonthWindow | None = None
    post_window: MonthWindow | None = None
    cluster: str | None = None
    estimator: Literal["ppml_twfe", "ols_twfe"]
    estimand: Literal["ATT_IRR", "ATT"]
    inference: PanelInference = PanelInference()
    sensitivity: list[PanelSpecification] = []
    diagnostics: PanelDiagnostics = PanelDiagnostics()

    @model_validator(mode="before")
    @classmethod
    def _estimand_of_estimator(cls, value):
        if isinstance(value, dict) and "estimand" not in value:
            value = {**value, "estimand": "ATT_IRR" if value.get("estimator") == "ppml_twfe" else "ATT"}
        return value


class Propensity(Block):
    model: Literal["logistic"] = "logistic"
    terms: list[Text] = []  # covariates, or spline(covariate)


class Trim(Block):
    ps_max: Share = 0.95


class TimeToEvent(Block):
    event: Text
    horizon_days: Positive
    estimand: Literal["rmst_difference"] = "rmst_difference"


class ObservationalAipw(DesignBase):
    PROTOCOL = ("treatment_column", "time_zero", "propensity", "trim", "overlap_min_ess", "time_to_event")
    ROLES = ("treatment",)
    ROLES_ONLY = ("treatment",)

    type: Literal["observational_aipw"]
    treatment: str | None = None
    arms: list[Text] = []
    treatment_column: str | None = None
    time_zero: str | None = None
    propensity: Propensity = Propensity()
    trim: Trim = Trim()
    overlap_min_ess: Positive = 100
    time_to_event: TimeToEvent | None = None
    sensitivity_to_unmeasured: list[Literal["e_value", "omitted_variable_bounds"]] = [
        "e_value",
        "omitted_variable_bounds",
    ]
    estimand: Literal["ATT"] = "ATT"
    estimator: Literal["aipw_att"] = "aipw_att"


class Bandwidth(Block):
    method: Literal["mserd"] = "mserd"
    min_n_each_side: Positive = 150
    report_grid: list[float] = [0.5, 0.75, 1.0, 1.25, 1.5]  # multiples of the chosen bandwidth


class RdInference(Block):
    se: Literal["hc2"] = "hc2"
    level: Share = 0.95


class RdSpecification(Block):
    """One pre-listed sensitivity analysis; keys left out stay as in the main analysis."""

    id: Text
    poly: Positive | None = None
    kernel: Literal["triangular", "uniform", "epanechnikov"] | None = None
    donut: float | None = None
    covariate_adjust: list[Text] | None = None
    window: tuple[float, float] | None = None
    cutoff: float | None = None
    side: Literal["below_only", "above_only"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _window_pair(cls, value):
        if isinstance(value, dict) and isinstance(value.get("window"), list):
            value = {**value, "window": tuple(value["window"])}
        return value


class DensityTest(Block):
    method: Literal["cjm_or_binomial"] = "cjm_or_binomial"
    windows: list[float] = [4, 8, 16]
    alpha: Share = 0.05


class Heaping(Block):
    round_to: list[float] = [5, 10, 25]
    max_share_at_cutoff: Share = 0.02


class RdDiagnostics(Block):
    density_test: DensityTest = DensityTest()
    heaping: Heaping = Heaping()
    covariate_continuity: list[Text] = []
    other_programs_at_cutoff: list[Text] = []


class Rd(DesignBase):
    PROTOCOL = ("running_variable", "cutoff", "treated_side", "fuzzy", "bandwidth", "diagnostics")
    ROLES = ("running", "cutoff", "treated_side")
    ROLES_ONLY = ("running", "received")

    type: Literal["rd"]
    running: str | None = None
    received: str | None = None
    arms: list[Text] = []
    running_variable: str | None = None
    cutoff: float | None = None
    treated_side: Literal["at_or_below", "at_or_above", "below", "above"] | None = None
    fuzzy: bool = False
    treatment_received: Received | None = None
    enrollment_window: DateWindow | None = None
    bandwidth: Bandwidth = Bandwidth()
    covariate_adjust: list[Text] = []
    inference: RdInference = RdInference()
    sensitivity: list[RdSpecification] = []
    diagnostics: RdDiagnostics = RdDiagnostics()
    estimand: Literal["ITT_AT_CUTOFF"] = "ITT_AT_CUTOFF"
    estimator: Literal["local_linear_rbc"] = "local_linear_rbc"


def _pair(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Contrast = Annotated[tuple[Text, Text], BeforeValidator(_pair)]  # [arm, compared with]


class RctMultiarm(Arms):
    PROTOCOL = ("arms", "primary_contrasts", "multiplicity", "portfolio_contrast")
    ROLES = ("arm", "control")
    ROLES_ONLY = ("arm", "control")

    type: Literal["rct_multiarm"]
    arm: str | None = None
    control: str | None = None
    primary_contrasts: list[Contrast] = []
    secondary_contrasts: list[Contrast] = []
    multiplicity: Literal["holm"] = "holm"
    portfolio_contrast: Contrast | None = None
    estimand: Literal["ITT"] = "ITT"
    estimator: Literal["lin_ols_hc2"] = "lin_ols_hc2"


class SyntheticControl(DesignBase):
    """One place, or a few that started together, against a weighted mix of places that never started."""

    FILE_ONLY = True
    ROLES = ("unit", "time", "treated_units", "adoption")
    SUBGROUPS = False

    type: Literal["synthetic_control"]
    unit: str | None = None
    time: str | None = None
    treated_units: Columns = []  # names as they stand in the column of places
    adoption: Moment | None = None  # first period with the programme, written as in the column of times
    estimand: Literal["ATT"] = "ATT"
    estimator: Literal["synthetic_control", "synthetic_did"] = "synthetic_control"


class InterruptedTimeSeries(DesignBase):
    """One series, before and after: the trend before the interruption says what would have come."""

    FILE_ONLY = True
    ROLES = ("time", "interruption")
    SUBGROUPS = False

    type: Literal["interrupted_time_series"]
    time: str | None = None
    interruption: Moment | None = None  # first period with the programme, written as in the column of times
    exposure: str | None = None  # what a count is out of
    estimand: Literal["LEVEL_CHANGE"] = "LEVEL_CHANGE"
    estimator: Literal["segmented_ols", "segmented_poisson"] = "segmented_ols"


class TimeToEventDesign(DesignBase):
    """How soon something happens to people with the programme and to people without it."""

    FILE_ONLY = True
    ROLES = ("treatment", "duration", "event")

    type: Literal["time_to_event"]
    treatment: str | None = None
    duration: str | None = None  # time from the start to the event, or to the end of follow-up
    event: str | None = None  # 1: it happened, 0: not until the end of follow-up
    arms: list[Text] = []
    strata: Columns = []
    cluster: str | None = None
    estimand: Literal["LOG_HR"] = "LOG_HR"
    estimator: Literal["cox_efron"] = "cox_efron"


class Descriptive(DesignBase):
    """No causal claim: levels and changes, by group and over time."""

    ROLES_ONLY = ("group", "time")

    type: Literal["descriptive"]
    group: str | None = None
    time: str | None = None
    estimand: Literal["none"] = "none"
    estimator: Literal["descriptive"] = "descriptive"


Design = Annotated[
    RctIndividual
    | RctCluster
    | DidStaggered
    | IvEncouragement
    | RctBlockedLottery
    | PanelDid
    | ObservationalAipw
    | Rd
    | RctMultiarm
    | SyntheticControl
    | InterruptedTimeSeries
    | TimeToEventDesign
    | Descriptive,
    Field(discriminator="type"),
]
