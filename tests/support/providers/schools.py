"""Loopback servers of the schools' register, of gov.uk's page of inspections, and of its files."""

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from io import StringIO

from tests.support.providers.land_registry import FileServer
from veo.sources.http.client import Http

ASSETS = "https://assets.publishing.service.gov.uk"
PAGE = (
    "/api/content/government/statistical-data-sets/"
    "monthly-management-information-ofsteds-school-inspections-outcomes"
)
ENTRY = {
    "URN": "102793",
    "LA (code)": "316",
    "LA (name)": "Newham",
    "EstablishmentNumber": "2069",
    "EstablishmentName": "Colegrave Primary School",
    "TypeOfEstablishment (name)": "Community school",
    "EstablishmentTypeGroup (name)": "Local authority maintained schools",
    "EstablishmentStatus (name)": "Open",
    "PhaseOfEducation (name)": "Primary",
    "StatutoryLowAge": "3",
    "StatutoryHighAge": "11",
    "Gender (name)": "Mixed",
    "ReligiousCharacter (name)": "Does not apply",
    "Postcode": "E15 1JY",
    "Street": "Henniker Road",
    "Town": "London",
    "Easting": "538700",
    "Northing": "185200",
    "LSOA (code)": "E01003614",
    "DistrictAdministrative (code)": "E09000025",
}
SECONDARY = {"PhaseOfEducation (name)": "Secondary", "StatutoryLowAge": "11", "StatutoryHighAge": "18"}
INDEPENDENT = {
    "EstablishmentTypeGroup (name)": "Independent schools",
    "TypeOfEstablishment (name)": "Other independent school",
    "PhaseOfEducation (name)": "Not applicable",
}
INSPECTION = {
    "Web Link (opens in new window)": "https://reports.ofsted.gov.uk/provider/21/102793",
    "URN": "102793",
    "LAESTAB": "3162069",
    "School name": "Colegrave Primary School",
    "Ofsted phase": "Primary",
    "Local authority": "Newham",
    "Inspection start date": "NULL",
    "Publication date": "NULL",
    "Inclusion": "NULL",
    "Curriculum and teaching": "NULL",
    "Achievement": "NULL",
    "Attendance and behaviour": "NULL",
    "Personal development and wellbeing": "NULL",
    "Early years (where applicable)": "NULL",
    "Post-16 provision (where applicable)": "NULL",
    "Leadership and governance": "NULL",
    "Latest OEIF overall effectiveness": "NULL",
    "Latest OEIF quality of education": "NULL",
    "Latest OEIF behaviour and attitudes": "NULL",
    "Latest OEIF personal development": "NULL",
    "Latest OEIF effectiveness of leadership and management": "NULL",
    "Latest OEIF early years provision (where applicable)": "NULL",
    "Latest OEIF sixth form provision (where applicable)": "NULL",
    "Inspection start date of latest OEIF graded inspection": "NULL",
    "Ungraded inspection overall outcome": "NULL",
    "Date of latest ungraded inspection": "NULL",
}
GOOD = {
    "Latest OEIF overall effectiveness": "2",
    "Latest OEIF quality of education": "2",
    "Inspection start date of latest OEIF graded inspection": "14/03/2023",
}
NOT_JUDGED = {
    "Latest OEIF overall effectiveness": "Not judged",
    "Latest OEIF quality of education": "1",
    "Latest OEIF behaviour and attitudes": "2",
    "Latest OEIF early years provision (where applicable)": "9",
    "Inspection start date of latest OEIF graded inspection": "04/02/2025",
}
REMAINS_GOOD = {
    "Ungraded inspection overall outcome": "School remains Good",
    "Date of latest ungraded inspection": "21/05/2024",
}
REPORT_CARD = {
    "Inspection start date": "12/05/2026",
    "Inclusion": "Strong standard",
    "Achievement": "Expected standard",
    "Early years (where applicable)": "Exceptional",
}


class SchoolServer(FileServer):
    """Serves the register by day, the page of inspections, and the files that it links to."""

    provider_names = ("gias", "gov-uk", "ofsted")

    def open(self) -> Http:
        """Return a client whose providers are all this server."""
        return Http({"gias": self.url, "gov-uk": self.url, "ofsted": self.url})

    def register(self, day: date, *changes: Mapping[str, str]) -> None:
        """Serve the register of a day: one school for each of some changes of `ENTRY`."""
        self.serve(registered(day), register(*changes))

    def inspect(self, *changes: Mapping[str, str], titles: int = 0) -> str:
        """Serve the inspections of a month below title rows, link to them, and return their path."""
        path = asset("31_August_2026")
        self.serve(path, inspections(*changes, titles=titles))
        self.link(path)
        return path

    def link(self, *paths: str) -> None:
        """Serve the page of the inspections, which links to some files."""
        links = "".join(f'<a href=\\"{ASSETS}{path}\\">CSV</a>' for path in paths)
        self.serve(PAGE, f'{{"details":{{"body":"{links}"}}}}', "application/json; charset=utf-8")


def registered(day: date) -> str:
    """Return the path of a day's register."""
    return f"/edubase/downloads/public/edubasealldata{day:%Y%m%d}.csv"


def asset(as_at: str, part: str = "68c2f1a4b3d1e2a9f7c0d581") -> str:
    """Return the path of a month's inspections."""
    name = f"Management_information_-_state-funded_schools_-_latest_inspections_as_at_{as_at}.csv"
    return f"/media/{part}/{name}"


def register(*changes: Mapping[str, str]) -> bytes:
    """Write a register as DfE does: in Windows-1252, with every cell in quotes."""
    return _table(ENTRY, changes).encode("cp1252")


def inspections(*changes: Mapping[str, str], titles: int = 0) -> bytes:
    """Write inspections as Ofsted does: in Latin-1, in some months below title rows."""
    padding = "," * (len(INSPECTION) - 1)
    title = f"Management information: state-funded schools{padding}\r\n" * titles
    return (title + _table(INSPECTION, changes)).encode("latin-1")


def _table(form: Mapping[str, str], changes: Iterable[Mapping[str, str]]) -> str:
    text = StringIO()
    table = csv.DictWriter(text, form, quoting=csv.QUOTE_ALL)
    table.writeheader()
    table.writerows({**form, **change} for change in changes)
    return text.getvalue()
