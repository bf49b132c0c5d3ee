/* The question in the address: read with messages on unusable values, written without defaults. */

export const PERSONAS = ["student", "parent", "developer"];
export const HOME_SIZES = ["room", "1bed", "2bed", "3bed"];
export const DEFAULT_HOME = { student: "room", parent: "2bed", developer: "2bed" };
export const DEFAULT = {
  persona: "student",
  locationType: "rent",
  budget: 1000,
  home: "",
  destination: "",
  maxCommute: "",
  weights: {},
  maxAreas: 10,
};
const FACTOR = /^[a-z_]+$/;

/** Read a query string: the question, whether one was asked, and a message for each value that cannot be used. */
export function readQuery(search) {
  const parameters = new URLSearchParams(search);
  const explained = [];
  const choose = (name, allowed) => {
    const value = parameters.get(name);
    if (!value || allowed.includes(value)) return value || DEFAULT[name];
    explained.push(`${name}: “${shortened(value)}” is not one of ${allowed.join(", ")}; ignored.`);
    return DEFAULT[name];
  };
  const inRange = (name, low, high, whole) => {
    const text = parameters.get(name);
    if (!text) return DEFAULT[name];
    const value = Number(text);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    explained.push(`${name}: “${shortened(text)}” is not a number from ${low} to ${high}; ignored.`);
    return DEFAULT[name];
  };
  const question = {
    persona: choose("persona", PERSONAS),
    locationType: choose("locationType", ["rent", "buy"]),
    home: choose("home", HOME_SIZES),
    budget: inRange("budget", 0, 1e9),
    maxCommute: inRange("maxCommute", 1, 240),
    maxAreas: inRange("maxAreas", 1, 20, true),
    destination: parameters.get("destination") ?? "",
    weights: readWeights(parameters.get("weights"), explained),
  };
  return { question, asked: parameters.has("persona") || parameters.has("budget"), explained };
}

function readWeights(text, explained) {
  const weights = {};
  for (const pair of (text ?? "").split(",").filter(Boolean)) {
    const [name, value] = pair.split(":").map((part) => part.trim());
    if (FACTOR.test(name) && value && Number(value) >= 0 && Number(value) <= 10)
      weights[name] = Number(value);
    else
      explained.push(
        `weights: “${shortened(pair)}” is not a factor with an importance from 0 to 10, as in safety:8; ignored.`,
      );
  }
  return weights;
}

/** Write a question as a query string in a fixed order, so that equal questions have the same address. */
export function writeQuery(question) {
  const parts = new URLSearchParams();
  for (const name of ["persona", "locationType", "budget"]) parts.set(name, question[name]);
  if (question.home && question.locationType === "rent") parts.set("home", question.home);
  if (question.destination) parts.set("destination", question.destination);
  if (question.maxCommute) parts.set("maxCommute", question.maxCommute);
  const weights = Object.entries(question.weights).map(([name, value]) => `${name}:${value}`);
  if (weights.length) parts.set("weights", weights.join(","));
  if (question.maxAreas !== DEFAULT.maxAreas) parts.set("maxAreas", question.maxAreas);
  return `?${parts}`;
}

/** Return the path of the API's question: the same parameters, with the length of the list always included. */
export function apiQuery(question) {
  const parts = new URLSearchParams(writeQuery(question));
  parts.set("maxAreas", question.maxAreas);
  return `/api/recommendations?${parts}`;
}

function shortened(text) {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
