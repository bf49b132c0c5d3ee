"""What the questions answer, in the shapes of the web contract.

An optional field without a source is left out of the JSON, never filled. Names are camelCase in JSON,
but for boundaries and research, whose contract is snake_case.
"""

from typing import Literal

from pydantic import ConfigDict, Field

from veo.models import Figures, FrozenMap, Leg, Location, Value, absent
from veo.sources.providers.boundaries import Geometry


class Property(Value):
    """Prices and rents of an area, in GBP; growth in percent."""

    average_price: float | None = Field(default=None, exclude_if=absent)
    price_change: float | None = Field(default=None, exclude_if=absent)
    demand: str | None = Field(default=None, exclude_if=absent)
    supply: str | None = Field(default=None, exclude_if=absent)
    insights: tuple[str, ...] | None = Field(default=None, exclude_if=absent)


class Route(Value):
    """One way to travel, in minutes."""

    mode: str
    duration: int
    steps: tuple[str, ...] | None = Field(default=None, exclude_if=absent)


class CommuteData(Value):
    """Travel to a destination, in minutes; `legs` say how, `fare` in GBP what a single trip costs.

    `date` is the day (ISO) whose morning was asked about; a modelled journey has none.
    """

    origin: str
    destination: str
    duration: int
    modes: tuple[str, ...]
    routes: tuple[Route, ...] | None = Field(default=None, exclude_if=absent)
    legs: tuple[Leg, ...] | None = Field(default=None, exclude_if=absent)
    fare: float | None = Field(default=None, exclude_if=absent)
    date: str | None = Field(default=None, exclude_if=absent)


class CrimeData(Value):
    """Recorded crime: live counts and their mix; `crime_rate` is per 1,000 residents a year.

    Counts are of the months of `period` within `radius_miles` of the centre; `antisocial` incidents are no
    crimes and not among them. `trend_pct` compares the last six months with the six before.
    """

    total_crimes: int | None = Field(default=None, exclude_if=absent)
    antisocial: int | None = Field(default=None, exclude_if=absent)
    crime_rate: float | None = Field(default=None, exclude_if=absent)
    breakdown: FrozenMap[str, int] | None = Field(default=None, exclude_if=absent)
    trend: str | None = Field(default=None, exclude_if=absent)
    trend_pct: float | None = Field(default=None, exclude_if=absent)
    period: str | None = Field(default=None, exclude_if=absent)
    lag_weeks: int | None = Field(default=None, exclude_if=absent)
    radius_miles: int | None = Field(default=None, exclude_if=absent)
    figures: Figures = FrozenMap()


class School(Value):
    """One school; `distance` in km as the crow flies.

    `rating` is a legacy overall grade, which ended in September 2024; `report_card` has Ofsted's grade of
    each area it looks at since, and there is none for the whole. `inspected` is the ISO date of either.
    """

    name: str
    stages: tuple[str, ...] = ()
    type: str | None = Field(default=None, exclude_if=absent)
    ages: str | None = Field(default=None, exclude_if=absent)
    rating: str | None = Field(default=None, exclude_if=absent)
    report_card: FrozenMap[str, str] | None = Field(default=None, exclude_if=absent)
    outcome: str | None = Field(default=None, exclude_if=absent)
    inspected: str | None = Field(default=None, exclude_if=absent)
    distance: float | None = Field(default=None, exclude_if=absent)


class SchoolsData(Value):
    """State-funded schools. `outstanding` and `good` count legacy grades, which ended in September 2024.

    Without `schools` the counts are of the whole district; with them, of those within reach of a point.
    """

    count: int | None = Field(default=None, exclude_if=absent)
    primary_count: int | None = Field(default=None, exclude_if=absent)
    secondary_count: int | None = Field(default=None, exclude_if=absent)
    average_rating: str | None = Field(default=None, exclude_if=absent)
    outstanding: int | None = Field(default=None, exclude_if=absent)
    good: int | None = Field(default=None, exclude_if=absent)
    schools: tuple[School, ...] | None = Field(default=None, exclude_if=absent)
    figures: Figures = FrozenMap()


class Amenities(Value):
    """Places counted nearby."""

    restaurants: int | None = Field(default=None, exclude_if=absent)
    cafes: int | None = Field(default=None, exclude_if=absent)
    gyms: int | None = Field(default=None, exclude_if=absent)
    parks: int | None = Field(default=None, exclude_if=absent)
    supermarkets: int | None = Field(default=None, exclude_if=absent)
    total: int | None = Field(default=None, exclude_if=absent)
    figures: Figures = FrozenMap()


class AreaData(Value):
    """Everything known of an area. `scansan` is the contract's old name of the property block.

    `percentiles` says of each figure how many of London's residential districts, in percent, have a lower
    one.
    """

    area_code: str
    name: str
    borough: str
    location: Location
    scansan: Property | None = Field(default=None, exclude_if=absent)
    property: Property | None = Field(default=None, exclude_if=absent)
    commute: CommuteData | None = Field(default=None, exclude_if=absent)
    crime: CrimeData | None = Field(default=None, exclude_if=absent)
    schools: SchoolsData | None = Field(default=None, exclude_if=absent)
    amenities: Amenities | None = Field(default=None, exclude_if=absent)
    figures: Figures
    percentiles: FrozenMap[str, float] | None = Field(default=None, exclude_if=absent)


class SnakeValue(Value):
    """A value whose contract is snake_case."""

    model_config = ConfigDict(alias_generator=None)


class LatLong(SnakeValue):
    """A point in WGS84 degrees."""

    latitude: float
    longitude: float


class AdministrativeAreas(SnakeValue):
    """The areas a postcode lies in; null where no source is at hand."""

    country: str | None = None
    region: str | None = None
    district: str | None = None
    ward: str | None = None


class Codes(SnakeValue):
    """GSS codes of those areas; null where no source is at hand."""

    msoa: str | None = None
    lsoa: str | None = None
    admin_district: str | None = None
    admin_ward: str | None = None


class AreaProperties(SnakeValue):
    """What an outline is of: its level, GSS code and name, and the month of the boundaries."""

    level: str
    code: str
    name: str
    vintage: str


class Feature(SnakeValue):
    """An outline as GeoJSON, in WGS84."""

    type: Literal["Feature"] = "Feature"
    properties: AreaProperties
    geometry: Geometry


class BoundariesData(SnakeValue):
    """Where a postcode lies, and in which areas.

    `boundary` is the outline of its ward; at the full level `boundaries` has those of LSOA, MSOA, ward and
    district.
    """

    postcode: str
    location: LatLong
    administrative_areas: AdministrativeAreas
    codes: Codes
    boundary: Feature | None = Field(default=None, exclude_if=absent)
    boundaries: FrozenMap[str, Feature] | None = Field(default=None, exclude_if=absent)
    timestamp: str


class Geocoding(Value):
    """A place found by a geocoder."""

    lat: float
    lng: float
    formatted_address: str
    place_id: str | None = Field(default=None, exclude_if=absent)


class NearbyStation(Value):
    """A station near an area's centre; `km` in a straight line."""

    name: str
    km: float
    lines: tuple[str, ...]


class NearbyPlaces(Value):
    """Counts of places by kind."""

    restaurant: int | None = Field(default=None, exclude_if=absent)
    school: int | None = Field(default=None, exclude_if=absent)
    park: int | None = Field(default=None, exclude_if=absent)
    supermarket: int | None = Field(default=None, exclude_if=absent)
    hospital: int | None = Field(default=None, exclude_if=absent)


class Distance(Value):
    """How far a destination is: `distance` in a straight line, `duration` door to door."""

    distance: str
    distance_meters: int
    duration: str
    duration_seconds: int


class MapsData(Value):
    """What lies around an area's centre."""

    area_code: str
    location: Location
    geocoding: Geocoding | None = None
    static_map_url: str | None = None
    nearby_places: NearbyPlaces
    nearest_stations: tuple[NearbyStation, ...]
    distance_to_destination: Distance | None = Field(default=None, exclude_if=absent)
    figures: Figures


class Overview(SnakeValue):
    """What research says of an area; every statement by its citation."""

    content: str
    citations: tuple[str, ...]
    summary_points: tuple[str, ...]


class ResearchData(SnakeValue):
    """Web research on an area."""

    area_code: str
    postcode: str | None = Field(default=None, exclude_if=absent)
    research_type: str
    overview: Overview
    persona_insights: str | None = Field(default=None, exclude_if=absent)
    timestamp: str
