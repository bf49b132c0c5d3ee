/* The geometry of the map: a projection, the river, and a cell around each district's centre. */

const MIDDLE = { lat: 51.49, lng: -0.09 };
const KM_PER_DEGREE = 111.2;
const LNG_SCALE = Math.cos((MIDDLE.lat * Math.PI) / 180);
const UNITS_PER_KM = 10;

export const VIEW = { left: -306, top: -238, width: 602, height: 496 };

/** Project a point (WGS84) to the map: equirectangular, which is accurate enough over 60 km. */
export function project({ lat, lng }) {
  const x = (lng - MIDDLE.lng) * KM_PER_DEGREE * LNG_SCALE * UNITS_PER_KM;
  const y = (MIDDLE.lat - lat) * KM_PER_DEGREE * UNITS_PER_KM;
  return [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
}

// For orientation only: the river through bridges, piers and locks, from Staines to Dartford.
const THAMES = [
  [51.433, -0.515],
  [51.389, -0.486],
  [51.394, -0.414],
  [51.412, -0.366],
  [51.4037, -0.3425],
  [51.4113, -0.3085],
  [51.4306, -0.3213],
  [51.4457, -0.3236],
  [51.4571, -0.3069],
  [51.4622, -0.3167],
  [51.4692, -0.3195],
  [51.4757, -0.308],
  [51.4822, -0.3013],
  [51.4869, -0.2877],
  [51.4849, -0.2796],
  [51.4727, -0.2696],
  [51.4719, -0.2527],
  [51.4845, -0.2467],
  [51.4882, -0.2306],
  [51.481, -0.2235],
  [51.4749, -0.2225],
  [51.4667, -0.2131],
  [51.4649, -0.188],
  [51.4735, -0.1795],
  [51.4811, -0.1726],
  [51.4846, -0.1499],
  [51.4876, -0.1269],
  [51.4945, -0.1235],
  [51.5008, -0.1219],
  [51.5062, -0.1199],
  [51.5087, -0.1168],
  [51.5097, -0.1044],
  [51.5079, -0.0877],
  [51.5055, -0.0754],
  [51.5025, -0.058],
  [51.5085, -0.041],
  [51.5049, -0.0285],
  [51.4946, -0.0305],
  [51.4862, -0.0205],
  [51.4835, -0.008],
  [51.492, -0.0025],
  [51.5015, -0.0035],
  [51.5075, 0.002],
  [51.504, 0.0115],
  [51.497, 0.0367],
  [51.4965, 0.062],
  [51.4985, 0.075],
  [51.5065, 0.081],
  [51.514, 0.0975],
  [51.5115, 0.13],
  [51.5145, 0.15],
  [51.507, 0.172],
  [51.4835, 0.183],
  [51.4845, 0.213],
  [51.4648, 0.2585],
  [51.4545, 0.305],
];

/** Return the river as a smooth path. */
export function river() {
  const points = THAMES.map(([lat, lng]) => project({ lat, lng }));
  let path = `M${points[0]}`;
  for (let i = 0; i < points.length - 1; i++) {
    const [before, from, to, after] = [
      points[i - 1] ?? points[i],
      points[i],
      points[i + 1],
      points[i + 2] ?? points[i + 1],
    ];
    const control = (p, q, r, sign) => [0, 1].map((axis) => round(p[axis] + (sign * (r[axis] - q[axis])) / 6));
    path += `C${control(from, before, to, 1)} ${control(to, from, after, -1)} ${to}`;
  }
  return path;
}

/**
 * Return each district's cell as a path: the points nearest to its centre, up to a distance by the district's size.
 * Without outlines of postcode districts, a cell shows where a district lies, not where it ends.
 */
export function cells(districts) {
  const centres = districts.map(project);
  return districts.map((district, index) => {
    const centre = centres[index];
    const reach = Math.min(37, Math.max(9, Math.sqrt((district.km2 ?? 4) / Math.PI) * 1.45 * UNITS_PER_KM));
    const near = centres.filter((other) => other !== centre && distance(centre, other) < 2 * reach);
    const cell = near.reduce((shape, other) => clip(shape, centre, other), circle(centre, reach));
    return `M${cell.map((point) => point.map(round)).join("L")}Z`;
  });
}

function circle([x, y], radius) {
  return Array.from({ length: 24 }, (_, i) => {
    const angle = (i * Math.PI) / 12;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
}

/** Cut off the part of a shape that is nearer to another centre. */
function clip(shape, centre, other) {
  const across = [other[0] - centre[0], other[1] - centre[1]];
  const middle = [(other[0] + centre[0]) / 2, (other[1] + centre[1]) / 2];
  const beyond = (p) => (p[0] - middle[0]) * across[0] + (p[1] - middle[1]) * across[1];
  const kept = [];
  shape.forEach((point, i) => {
    const next = shape[(i + 1) % shape.length];
    const [here, there] = [beyond(point), beyond(next)];
    if (here <= 0) kept.push(point);
    if (here < 0 !== there < 0)
      kept.push(point.map((value, axis) => value + ((next[axis] - value) * here) / (here - there)));
  });
  return kept;
}

/** Move points that are closer than `gap` apart, each as little as possible, so that all can be pressed. */
export function spread(points, gap) {
  const moved = points.map((point) => [...point]);
  for (let pass = 0; pass < 40; pass++) {
    for (let i = 0; i < moved.length; i++) for (let j = 0; j < i; j++) separate(moved[i], moved[j], gap);
  }
  return moved.map((point) => point.map(round));
}

function separate(one, other, gap) {
  const [dx, dy] = [one[0] - other[0] || 0.1, one[1] - other[1]];
  const overlap = gap - Math.hypot(dx, dy);
  if (overlap <= 0) return;
  const share = overlap / 2 / Math.hypot(dx, dy);
  one[0] += dx * share;
  one[1] += dy * share;
  other[0] -= dx * share;
  other[1] -= dy * share;
}

function distance(p, q) {
  return Math.hypot(p[0] - q[0], p[1] - q[1]);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
