"""Where are the world's airports, and which lie highest? A fan-out over regions, and a join."""

import csv
import gzip
from collections import Counter
from pathlib import Path

from dagy import flow, task

DATA = Path(__file__).parent / "airports.csv.gz"
REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia",
    "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


@task(retries=2, retry_delay_seconds=1)
def survey(region: str, top: int) -> dict:
    """Count a region's airports by country, and find the highest."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["timezone"].startswith(region)]
    rows.sort(key=lambda row: -int(row["elevation_ft"]))
    return {
        "region": region,
        "airports": len(rows),
        "countries": dict(Counter(row["country"] for row in rows)),
        "highest": [[row["name"], row["country"], int(row["elevation_ft"])] for row in rows[:top]],
    }


@task
def rank_countries(surveys: list, top: int) -> list:
    """The countries with the most airports, over all regions."""
    total: Counter[str] = Counter()
    for region in surveys:
        total.update(region["countries"])
    return [[country, count] for country, count in total.most_common(top)]


@task
def rank_heights(surveys: list, top: int) -> list:
    """The highest airports, over all regions."""
    highest = [airport for region in surveys for airport in region["highest"]]
    return sorted(highest, key=lambda airport: -airport[2])[:top]


@task
def write_report(surveys: list, countries: list, heights: list, path: str) -> str:
    """Write the report as Markdown, and return its text."""
    lines = ["# Airports of the world", "", "| region | airports |", "|---|---:|"]
    lines += [f"| {region['region']} | {region['airports']:,} |" for region in surveys]
    lines += ["", "## Most airports", "", "| country | airports |", "|---|---:|"]
    lines += [f"| {country} | {count:,} |" for country, count in countries]
    lines += ["", "## Highest", "", "| airport | country | feet |", "|---|---|---:|"]
    lines += [f"| {name} | {country} | {feet:,} |" for name, country, feet in heights]
    text = "\n".join(lines) + "\n"
    Path(path).write_text(text, encoding="utf-8")
    return text


@flow
def airports(top: int = 5, report: str = "/tmp/airports.md"):
    """Survey the airports of each region, rank them over all, and write a report."""
    surveys = [survey(region, top) for region in REGIONS]
    countries = rank_countries(surveys, top)
    heights = rank_heights(surveys, top)
    write_report(surveys, countries, heights, report)
    return {"countries": countries, "heights": heights, "report": report}
