"""A city of a few rows whose files a test can spoil: a tracker (people, draw, outcome), services, sites."""

import textwrap
from pathlib import Path

from shared_utils import data

SETTINGS = """\
schema_version: "1.0"
city: {key: testville, name: Testville, state: NY}
pilot: {slug: test, title: Test, domain: employment, start: "2019-04-01", end: "2020-09-30"}
data: {mode: city}
design:
  type: rct_individual
  arms: [control, offer]
  strata: [site_id]
  treatment_received: {from: services, rule: "count(coaching_contact) >= 1"}
  enrollment_window: {start: "2019-04-15", end: "2019-09-30"}
outcomes:
  - {id: employed_q2, role: primary, kind: binary, direction: increase, mwe: {scale: prob_diff, value: 0.05}}
  - {id: earnings_q2, role: secondary, kind: continuous, direction: increase}
  - {id: hardships, role: secondary, kind: count, direction: decrease}
privacy: {direct_identifiers: [phone]}
"""
TRACKER = """\
Client ID,Site,Applied,Group,Drawn,Race,Age,Income,Employed Q2,Seen,Phone,Shoe size
AB-001,Site A,2019-05-01,Offer,2019-05-02,B,34,21000,1,2020-01-15,555-0101,41
AB-002,Site A,2019-05-01,Usual,2019-05-02,W,51,18000.50,0,2020-01-15,555-0102,42
AB-003,Site B,2019-05-03,Offer,2019-05-04,,29,25000,,2020-01-15,555-0103,43
AB-004,Site B,2019-05-03,Usual,2019-05-04,H,44,19500,1,2020-01-15,555-0104,44
"""
TRACKER_MAPPING = """\
source: {path: raw/tracker.csv}
tables:
  participants:
    columns:
      Client ID: participant_id
      Site: unit_id
      Applied: application_date
      Race: race_ethnicity
      Age: age_years
      Income: income_annual_usd
    constants: {consent_status: consented}
    value_maps: {race_ethnicity: {B: black_nh, W: white_nh, H: hispanic}}
  assignments:
    columns: {Client ID: subject_id, Group: arm, Drawn: assigned_at}
    constants: {subject_type: participant, method: random_stratified}
    value_maps: {arm: {Usual: control, Offer: offer}}
  outcomes:
    wide: {subject: Client ID, wave: f1, columns: {Employed Q2: employed_q2}}
    columns: {Seen: observed_at}
    constants: {subject_type: participant}
"""
SITES = "Site,Kind\nSite A,site\nSite B,site\n"
SITES_MAPPING = """\
source: {path: raw/sites.csv}
tables:
  units: {columns: {Site: unit_id, Kind: unit_type}}
"""
SERVICES = """\
Client,What,Day,Done
AB-001,Coaching,2019-05-20,Y
ab-001,Coaching,2019-05-21,Y
AB 003,Coaching,2019-06-01,N
"""
SERVICES_MAPPING = """\
source: {path: raw/services.csv}
tables:
  services:
    columns: {Client: subject_id, What: service_type, Day: service_date, Done: delivered}
    constants: {subject_type: participant, quantity: 1, unit: count}
    value_maps: {service_type: {Coaching: coaching_contact}, delivered: {Y: true, N: false}}
"""


class City:
    """A city folder in data.mode city with the files above; `write` and `map` replace one of them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "data" / "private"
        (self.root / "raw").mkdir(parents=True)
        (folder / "mappings").mkdir()
        (folder / "city.yml").write_text(SETTINGS, encoding="utf-8")
        self.write("tracker.csv", TRACKER).map("tracker", TRACKER_MAPPING)
        self.write("sites.csv", SITES).map("sites", SITES_MAPPING)
        self.write("services.csv", SERVICES).map("services", SERVICES_MAPPING)

    def write(self, name: str, text: str) -> "City":
        (self.root / "raw" / name).write_text(text, encoding="utf-8", newline="")
        return self

    def map(self, name: str, text: str) -> "City":
        (self.folder / "mappings" / f"{name}.yml").write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def change(self, name: str, old: str, new: str) -> "City":
        """Replace text in a raw file, or in a mapping (name without an ending)."""
        raw = self.root / "raw" / name
        path = raw if raw.suffix else self.folder / "mappings" / f"{name}.yml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8", newline="")
        return self

    def intake(self) -> data.IntakeReport:
        return data.intake(self.folder)

    def tables(self) -> dict:
        from shared_utils.data import report, store

        return store.read_tables(self.root / "linked", report.read(self.root / "linked"))

    def problems(self) -> list[data.Problem]:
        """Problems intake raises."""
        try:
            self.intake()
        except data.IntakeError as error:
            return error.problems
        raise AssertionError("intake refused nothing")

    def linked_bytes(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in sorted((self.root / "linked").iterdir())}
