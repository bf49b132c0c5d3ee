"""Resolving typed text: every kind of name, canonical codes, and errors that help."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo.errors import InvalidQuestion, NotFound, UnknownPlace
from veo.models import Place
from veo.sources.embedded.place_resolver import ALIASES, Places
from veo.sources.embedded.snapshot import Snapshot, load

HOSTILE = (
    *(
        "",
        " ",
        "\n",
        "'",
        "-",
        "é",
        "Ж bank",
        "E15\x00",
        "E15:E16",
        "E15%3A",
        "../E15",
        "\ud800",
        "\ufdfa" * 999,
    ),
    *("x" * 10_000, "e15 " * 2_500, "mile end " * 1_111, "E15 1AZ E15 1AZ", "🚇" * 2_500),
)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return load()


@pytest.fixture(scope="module")
def places(snapshot: Snapshot) -> Places:
    return Places(snapshot)


# Ends of a journey


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("UCL", "ucl"),
        ("  university   college london ", "ucl"),
        ("Imperial", "imperial"),
        ("KCL", "kcl"),
        ("King's", "kcl"),
        ("King\u2019s College London", "kcl"),
        ("LSE", "lse"),
        ("London School of Economics", "lse"),
        ("QMUL", "qmul"),
        ("Queen Mary", "qmul"),
        ("City", "city"),
        ("Bank", "bank"),
        ("Bank station", "bank"),
        ("CANARY WHARF", "canary-wharf"),
        ("canary-wharf", "canary-wharf"),
        ("Kings Cross", "kings-cross"),
        ("King's Cross", "kings-cross"),
        ("King's Cross St. Pancras", "kings-cross"),
        ("Heathrow", "heathrow"),
        ("Heathrow Terminals 2 and 3", "heathrow"),
        ("Birkbeck", "birkbeck"),
        ("Birkbeck station", "birkbeck-station"),
        ("Mile End", "mile-end-station"),
        ("St Paul\u2019s", "st-pauls-station"),
        ("Elephant and Castle", "elephant-and-castle-station"),
        ("Harrow & Wealdstone", "harrow-and-wealdstone-station"),
        ("Édgware", "edgware-station"),
        ("e15 ", "E15"),
        ("e 15", "E15"),
        ("ec1a", "EC1A"),
        ("E1", "E1"),
        ("N1", "N1"),
        ("SW1", "SW1"),
        ("e151az", "E15 1AZ"),
        ("e16an", "E1 6AN"),
        ("E16 6AN", "E16 6AN"),
        ("sw1a 1aa", "SW1A 1AA"),
    ],
)
def test_a_name_resolves_to_its_canonical_code(places: Places, text: str, code: str) -> None:
    assert places.destination(text).code == code


@pytest.mark.parametrize("code", ALIASES)
def test_every_alias_leads_to_its_destination(places: Places, code: str) -> None:
    assert {places.destination(alias).code for alias in ALIASES[code]} == {code}


def test_a_destination_is_a_place_of_its_own(places: Places, snapshot: Snapshot) -> None:
    ucl = snapshot.destinations["ucl"]
    assert places.destination("ucl") == Place(
        code="ucl", label="University College London", location=ucl.location, kind="destination"
    )


def test_a_station_is_a_destination(places: Places, snapshot: Snapshot) -> None:
    assert places.destination("mile end") == Place(
        code="mile-end-station",
        label="Mile End",
        location=snapshot.stations["Mile End"].location,
        kind="destination",
    )


def test_a_district_stands_at_its_centroid(places: Places, snapshot: Snapshot) -> None:
    assert places.destination("E15") == Place(
        code="E15", label="Stratford, E15", location=snapshot.districts["E15"].location, kind="district"
    )


def test_a_group_is_a_place_of_its_own_kind(places: Places, snapshot: Snapshot) -> None:
    assert places.destination("W1") == Place(
        code="W1", label="West End, W1", location=snapshot.groups["W1"].location, kind="group"
    )


def test_a_postcode_stands_at_its_district_s_centroid(places: Places, snapshot: Snapshot) -> None:
    assert places.destination("e151az") == Place(
        code="E15 1AZ", label="E15 1AZ", location=snapshot.districts["E15"].location, kind="postcode"
    )


def test_every_station_is_found_where_it_is(places: Places, snapshot: Snapshot) -> None:
    far = [
        station.name
        for station in snapshot.stations.values()
        if abs(places.destination(f"{station.name} station").location.lat - station.location.lat) > 0.001
    ]
    assert far == []


def test_every_code_leads_back_to_its_place(places: Places, snapshot: Snapshot) -> None:
    names = [*snapshot.destinations, *snapshot.stations, *snapshot.districts, *snapshot.groups, "E15 1AZ"]
    resolved = [places.destination(name) for name in names]
    assert [places.destination(place.code) for place in resolved] == resolved


def test_no_two_places_share_a_code(places: Places, snapshot: Snapshot) -> None:
    names = [*snapshot.destinations, *snapshot.stations, *snapshot.districts, *snapshot.groups]
    resolved = {places.destination(name) for name in names}
    assert len({place.code for place in resolved}) == len(resolved)


def test_an_unknown_place_is_named_with_the_nearest(places: Places) -> None:
    with pytest.raises(UnknownPlace) as refused:
        places.destination("Hethrow")
    assert refused.value.suggestions[0] == "Heathrow Terminals 2 & 3"


def test_suggestions_are_at_most_three(places: Places) -> None:
    with pytest.raises(UnknownPlace) as refused:
        places.destination("clapham")
    assert len(refused.value.suggestions) == 3


def test_suggestions_do_not_repeat(places: Places) -> None:
    with pytest.raises(UnknownPlace) as refused:
        places.destination("Canary Warf")
    assert len(set(refused.value.suggestions)) == len(refused.value.suggestions)


def test_an_outcode_is_suggested_for_one_that_is_not_known(places: Places) -> None:
    with pytest.raises(UnknownPlace) as refused:
        places.destination("E155")
    assert "E15" in refused.value.suggestions


def test_an_unknown_place_names_its_field(places: Places) -> None:
    with pytest.raises(UnknownPlace, match=r"^origin: 'atlantis' is not"):
        places.destination("atlantis", "origin")


def test_the_field_is_the_destination_by_default(places: Places) -> None:
    with pytest.raises(UnknownPlace, match=r"^destination: "):
        places.destination("atlantis")


@pytest.mark.parametrize("text", ["M1 1AA", "EC1 1AA", "E15 1CZ", "E15 AZ1"])
def test_a_postcode_elsewhere_is_no_place(places: Places, text: str) -> None:
    with pytest.raises(UnknownPlace):
        places.destination(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_an_unknown_place(places: Places, text: str) -> None:
    with pytest.raises(UnknownPlace):
        places.destination(text)


@given(text=st.text())
def test_any_text_is_a_place_or_an_unknown_one(places: Places, text: str) -> None:
    try:
        place = places.destination(text)
    except UnknownPlace:
        return
    assert places.destination(place.code) == place


# Areas


@pytest.mark.parametrize(("text", "code"), [(" e15", "E15"), ("SE 10", "SE10"), ("wc1", "WC1")])
def test_an_area_code_has_one_canonical_form(places: Places, text: str, code: str) -> None:
    assert places.canonical_area(text) == code


@pytest.mark.parametrize("text", ["zz9", "ucl", "E15 1AZ", "Mile End"])
def test_an_area_that_is_not_known_is_not_found(places: Places, text: str) -> None:
    with pytest.raises(NotFound) as refused:
        places.canonical_area(text)
    assert str(refused.value) == f"Invalid area code: {text.upper()} not found"


def test_a_long_area_code_is_cut_in_the_message(places: Places) -> None:
    with pytest.raises(NotFound) as refused:
        places.canonical_area("x" * 10_000)
    assert str(refused.value) == f"Invalid area code: {'X' * 60} not found"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_message_on_a_hostile_area_code_can_be_encoded(places: Places, text: str) -> None:
    with pytest.raises(NotFound) as refused:
        places.canonical_area(text)
    assert str(refused.value).encode()


# Postcodes


@pytest.mark.parametrize(
    ("text", "postcode"),
    [
        ("e16an", "E1 6AN"),
        ("E1 6AN", "E1 6AN"),
        (" e16  6an ", "E16 6AN"),
        ("sw1a1aa", "SW1A 1AA"),
        ("E1W 1AA", "E1W 1AA"),
    ],
)
def test_a_postcode_has_one_canonical_form(places: Places, text: str, postcode: str) -> None:
    assert places.canonical_postcode(text) == postcode


@pytest.mark.parametrize("text", ["M1 1AA", "EH1 1YZ", "EC1 1AA"])
def test_a_postcode_outside_london_is_not_found(places: Places, text: str) -> None:
    with pytest.raises(NotFound, match=f"^Postcode {text} not found: Veo covers London's postcode districts"):
        places.canonical_postcode(text)


@pytest.mark.parametrize("text", ["E15", "E15 AZ1", "E15 1CZ", "15 1AZ", "E15-1AZ", "E15 1AZZ", *HOSTILE])
def test_a_malformed_postcode_is_refused_with_the_accepted_form(places: Places, text: str) -> None:
    with pytest.raises(InvalidQuestion, match=r"^postcode: .* is not a full UK postcode such as E1 6AN$"):
        places.canonical_postcode(text)


def test_a_malformed_postcode_names_its_field(places: Places) -> None:
    with pytest.raises(InvalidQuestion, match=r"^home: '1' is not"):
        places.canonical_postcode("1", "home")
