"""Small embedded tables for tests: two stations, one link, one destination, one district."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from veo.sources.embedded.columns import COLUMNS

Cells = dict[str, str]

AREA: Cells = {
    **{name: f"{max(column.low, min(column.high, 1)):g}" for name, column in COLUMNS.items()},
    "outcode": "E15",
    "name": "Stratford",
    "neighbourhoods": "Maryland|Stratford City",
    "borough": "Newham",
    "boroughs": "Newham:0.90|Hackney:0.10",
    "lat": "51.54",
    "lng": "0.001",
    "food_venues_note": "",
    "nearest_station": "Maryland",
}
STATION: Cells = {
    "name": "Maryland",
    "naptan": "",
    "lat": "51.546",
    "lng": "0.006",
    "zone": "2/3",
    "lines": "Elizabeth line",
    "modes": "elizabeth-line",
    "source": "tfl",
}
OTHER_STATION = STATION | {"name": "Forest Gate"}
LINK: Cells = {
    "from": "Maryland",
    "to": "Forest Gate",
    "line": "Elizabeth line",
    "mode": "elizabeth-line",
    "minutes": "2.5",
    "basis": "timetable",
}
DESTINATION: Cells = {
    "id": "ucl",
    "name": "University College London",
    "lat": "51.52",
    "lng": "-0.13",
    "kind": "university",
    "source": "GIAS",
}
SMALL: dict[str, list[Cells]] = {
    "areas.csv": [AREA],
    "stations.csv": [STATION, OTHER_STATION],
    "links.csv": [LINK],
    "destinations.csv": [DESTINATION],
}


def write_tables(folder: Path, changes: Mapping[str, Sequence[Cells]]) -> Path:
    """Write the small tables, some of them replaced, and return the folder."""
    for name, rows in (SMALL | dict(changes)).items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, SMALL[name][0])
            table.writeheader()
            table.writerows(rows)
    return folder
