"""Boundaries of tracts, counties or places as GeoJSON or TopoJSON, in longitude and latitude.

Census Bureau cartographic boundary files keep their name (cb_2018_39_tract_500k): the year in it tells whether tracts
are of 2010 or 2020, which no other part of most files does. TopoJSON: specification 1.0.0 of Bostock and Metcalf.
"""

import re

from shared_utils.data.public import files
from shared_utils.data.public.files import File
from shared_utils.data.public.kind import Area, Kind, Reference

# Names of the property that holds the code, surest first; those of a census year tell the vintage.
CODES = {"geoid20": 2020, "geoid10": 2010, "geoid": None, "affgeoid": None, "geo_id": None, "tract": None,
         "county": None, "id": None}  # fmt: skip
UNITS = {11: "tract", 7: "city", 5: "county"}


def read(kind: Kind, file: File, area: Area | None) -> Reference:
    """Read shapes: GEOID, name, and `polygons`, a list of polygons, each a list of rings of (longitude, latitude)."""
    import pandas as pd

    try:
        shapes = [(*_code(props, id), props, polygons) for id, props, polygons in _shapes(file.content)]
        if any(not (-180 <= x <= 180 and -90 <= y <= 90) for *_, p in shapes for x, y in (q for r in p for q in r[0])):
            raise file.refusal("its coordinates are not longitude and latitude.", "Export it as WGS 84 (EPSG 4326).")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise file.refusal("a shape in it is broken.", files.AGAIN) from None
    unit = kind.id.removeprefix("boundaries_")
    width = next(w for w, name in UNITS.items() if name == unit)
    rows = [(code, str(_lower(props).get("name", "")), p) for code, _, props, p in shapes if len(code) == width]
    frame = pd.DataFrame(rows, columns=["GEOID", "name", "polygons"])
    if len(frame) < len(shapes):
        raise file.refusal(f"{len(shapes) - len(frame)} of {len(shapes)} shapes are of another kind than a {unit}.",
                           "Put shapes of one kind in one file.")  # fmt: skip
    kept = frame[frame["GEOID"].str.startswith(area.state)] if area else frame
    if kept.empty:
        raise file.refusal(f"none of its {len(frame):,} shapes is of {area}.", "Fetch the file of the city's state.")
    vintage = _vintage(file, shapes) if unit == "tract" else None
    return kind.reference(file, kept.reset_index(drop=True), vintage=vintage, unit=unit, period="", measures={})


def _vintage(file: File, shapes) -> int:
    """Return 2010 or 2020: from the code's name, else from the year of the file."""
    named = {vintage for _, vintage, *_ in shapes if vintage}
    if len(named) > 1:
        raise file.refusal("it mixes tracts of 2010 and of 2020.", "Put the tracts of one census in one file.")
    if named:
        return named.pop()
    years = set(re.findall(r"(?<!\d)(20[0-3]\d)(?!\d)", file.path.stem))
    if len(years) != 1:
        raise file.refusal("its name does not tell the year of the boundaries, so nobody knows whether its tracts are "
                           "of 2010 or 2020.", "Keep the published name, such as cb_2018_39_tract_500k.")  # fmt: skip
    return 2020 if int(years.pop()) >= 2020 else 2010


def _lower(props) -> dict:
    return {str(key).lower(): value for key, value in (props or {}).items()}


def _code(props, id) -> tuple[str, int | None]:
    """Return the code of a shape, and the vintage where the property's name tells it."""
    found = {**_lower(props), "id": id if id is not None else _lower(props).get("id")}
    for name, vintage in CODES.items():
        code = str(found.get(name) or "").rpartition("US")[2]
        if code.isdigit() and len(code) in UNITS:
            return code, vintage
    return "", None


def _shapes(content):
    """Yield (id, properties, polygons) of the features of a GeoJSON or TopoJSON file."""
    if content["type"] == "Topology":
        arcs = _arcs(content)
        for shape in _geometries(content):
            yield shape.get("id"), shape.get("properties"), _polygons(shape["type"], _joined(shape["arcs"], arcs))
    else:
        for feature in content["features"]:
            shape = feature["geometry"]
            if shape:
                yield feature.get("id"), feature.get("properties"), _polygons(shape["type"], shape["coordinates"])


def _polygons(type: str, coordinates) -> list:
    polygons = {"Polygon": [coordinates], "MultiPolygon": coordinates}[type]
    return [[[(float(p[0]), float(p[1])) for p in ring] for ring in polygon] for polygon in polygons]


def _geometries(content) -> list:
    return [g for o in content["objects"].values() for g in (o["geometries"] if "geometries" in o else [o])
            if g["type"] in ("Polygon", "MultiPolygon")]  # fmt: skip


def _arcs(content) -> list:
    """Return the arcs in degrees: with a transform, points are steps of a grid from the one before."""
    if "transform" not in content:
        return content["arcs"]
    (sx, sy), (tx, ty) = content["transform"]["scale"], content["transform"]["translate"]
    made = []
    for arc in content["arcs"]:
        x = y = 0
        points = []
        for dx, dy, *_ in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        made.append(points)
    return made


def _joined(indexes, arcs):
    """Return rings of points for rings of arc numbers, at any depth; ~n is arc n backwards."""
    if isinstance(indexes[0], list):
        return [_joined(part, arcs) for part in indexes]
    points = []
    for n in indexes:
        arc = arcs[n] if n >= 0 else arcs[~n][::-1]
        points += arc[1:] if points else arc
    return points


def _is(unit: str):
    def check(file: File) -> bool:
        content = file.content
        if not isinstance(content, dict) or content.get("type") not in ("FeatureCollection", "Topology"):
            return False
        try:
            first = next(((id, props) for id, props in _ids(content)), None)
            return first is not None and UNITS.get(len(_code(first[1], first[0])[0])) == unit
        except (KeyError, TypeError, AttributeError):
            return False

    return check


def _ids(content):
    shapes = _geometries(content) if content["type"] == "Topology" else content["features"]
    return ((shape.get("id"), shape.get("properties")) for shape in shapes)


def _kind(unit: str, fetch: str, shows: str) -> Kind:
    return Kind(
        id=f"boundaries_{unit}", source="Census boundaries", publisher="US Census Bureau", fetch=fetch, shows=shows,
        caution="City limits are not county limits. Tracts of 2010 and of 2020 with one code can be different places.",
        citation="US Census Bureau, cartographic boundary files, 1:500,000.", read=read, check=_is(unit),
    )  # fmt: skip


KINDS = (
    _kind("tract", "Cartographic boundaries of the tracts of state {state} (cb_YEAR_{state}_tract_500k), as GeoJSON or "
          "TopoJSON", "A map of the city's tracts"),
    _kind("county", "Cartographic boundaries of counties (cb_YEAR_us_county_500k), as GeoJSON or TopoJSON",
          "The county's outline"),
    _kind("city", "Cartographic boundaries of the places of state {state} (cb_YEAR_{state}_place_500k), as GeoJSON or "
          "TopoJSON", "The city's limits on the map"),
)  # fmt: skip
