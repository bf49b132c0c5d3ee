/* Names of figures and factors, and their formats: UK English, £1,234, 12.3%. */

export const FACTORS = {
  affordability: "Affordability",
  commute: "Commute",
  safety: "Safety",
  schools: "Schools",
  amenities: "Amenities",
  nightlife: "Nightlife",
  green_spaces: "Green space",
  property_prices: "Property prices",
  development: "Growth and yield",
};

export const HOMES = {
  room: "A room",
  "1bed": "One bedroom",
  "2bed": "Two bedrooms",
  "3bed": "Three bedrooms",
};

const LABELS = {
  rent_1bed: "Rent, one bedroom",
  rent_2bed: "Rent, two bedrooms",
  rent_3bed: "Rent, three bedrooms",
  rent_all: "Rent, all homes",
  rent_growth_1y_pct: "Rents over a year",
  median_price: "Median sale price",
  sales_12m: "Sales",
  price_growth_5y_pct: "Prices over five years",
  price_growth_1y_pct: "Prices over a year",
  crimes_per_1000: "Recorded offences",
  violent_crimes_per_1000: "Violent offences",
  imd_crime_decile: "Crime deprivation",
  burglaries_per_1000: "Burglaries",
  schools_count: "State schools",
  primary_count: "Primary schools",
  secondary_count: "Secondary schools",
  schools_rated: "Schools with a legacy grade",
  good_or_outstanding_share: "Graded good or outstanding",
  outstanding_share: "Graded outstanding",
  open_space_pct: "Open space",
  ptal_score: "Public transport accessibility",
  food_venues: "Food venues",
  food_venues_per_km2: "Food venues per km²",
  pubs_bars: "Pubs and bars",
  pubs_bars_per_km2: "Pubs and bars per km²",
  borough_food_venues_per_1000: "Food venues per resident",
  nearest_station_km: "Nearest station",
  stations_within_1km: "Stations close by",
  min_zone: "Fare zone",
  population: "Residents",
  density_per_km2: "Density",
  area_km2: "Size",
  london_pop_share: "Residents in Greater London",
};

/** Return the name of a figure; one without a label is named after its key. */
export function label(key) {
  return LABELS[key] ?? sentence(key.replaceAll("_", " "));
}

export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function pounds(value) {
  return `£${Math.round(value).toLocaleString("en-GB")}`;
}

export function number(value, digits = 1) {
  return value.toLocaleString("en-GB", { maximumFractionDigits: digits });
}

export function percent(value) {
  return `${value.toLocaleString("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 })}%`;
}

/** Return a figure as two texts: its value, and its unit. */
export function formatFigure(figure) {
  const prefix = figure.censored === "below" ? "fewer than " : "";
  const { value, unit } = figure;
  if (unit.startsWith("GBP")) return [`${prefix}${pounds(value)}`, unit.slice(3).trim()];
  if (unit.startsWith("%")) return [percent(value), unit.slice(1).trim()];
  if (unit.startsWith("share of")) return [percent(value * 100), unit.slice(5).trim()];
  return [prefix + number(value, Number.isInteger(value) ? 0 : 2), unit];
}

/** Return the name of a figure's level if that is not the district itself, else null. */
export function level(figure) {
  return { borough: "borough figure", modelled: "modelled" }[figure.level] ?? null;
}

export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Return the name of a leg's line or mode. */
export function lineName(leg) {
  if (leg.mode === "walk") return "Walk";
  return leg.line ?? sentence(leg.mode.replaceAll("-", " "));
}
