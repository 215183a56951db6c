"""Make the tutorial's city: the National Supported Work trial as one CSV and 40 lines of city.yml.

    python docs/tutorial/make_city.py            makes cities/supported-work-trial

The data are the 445 men of Dehejia and Wahba (1999), from the Python package causaldata.
"""

import shutil
from pathlib import Path

from causaldata import nsw_mixtape

from shared_utils.template.new import create

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent.parent


def main(cities: Path = TEMPLATE / "cities") -> Path:
    """Make the city's repository below `cities` and put its settings and its one data file in place."""
    city = create(
        TEMPLATE,
        cities,
        {
            "city": "other",
            "city_name": "Supported Work",
            "state": "NY",
            "city_slug": "supported-work-trial",
            "program_title": "Paid work experience for people who struggle to find a job",
            "domain": "employment",
            "design": "rct_individual",
            "start_date": "1975-03-01",
            "end_date": "1977-08-31",
        },
    )
    shutil.copy(HERE / "city.yml", city / "city.yml")
    raw = city / "data" / "private" / "raw" / "analysis.csv"
    raw.parent.mkdir(parents=True, exist_ok=True)
    nsw_mixtape.load_pandas().data.to_csv(raw, index=False)
    return city


if __name__ == "__main__":
    made = main()
    print(f"Made  {made}\nNext:  emi check {made.name}")
