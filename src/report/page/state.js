// What the reader chose, kept in the address after `#`, so that a link shows the same.

const FILTERS = ["status", "k", "provider", "model", "cap", "suite", "client", "setup", "why", "changed"];
const KEYS = [...FILTERS, "sort", "run", "base", "rows", "left", "right", "sides", "case", "at"];

const read = () => {
  const found = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(KEYS.filter((key) => found.get(key)).map((key) => [key, found.get(key)]));
};

let state = read();

const address = (changes, from = state) => {
  const merged = new URLSearchParams();
  for (const key of KEYS) {
    const value = key in changes ? changes[key] : from[key];
    if (value) merged.set(key, value);
  }
  return "#" + merged.toString();
};
// The address of cases: other filters are taken away first.
const onlyCases = (changes) => {
  const none = Object.fromEntries(FILTERS.map((key) => [key, null]));
  return address({ ...none, case: null, at: "cases", ...changes });
};

const current = () => runs[Number(state.run ?? runs.length) - 1] ?? runs[runs.length - 1];
// The run to compare with: the one before, unless another is chosen.
const base = () => {
  if (state.base === "none") return null;
  const chosen = runs[Number(state.base) - 1] ?? runs[current().number - 1];
  return chosen && chosen !== current() ? chosen : null;
};

const matcher = () => {
  const words = (state.k ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = words.filter((word) => !(word.startsWith("-") && word.length > 1));
  const unwanted = words.filter((word) => word.startsWith("-") && word.length > 1).map((word) => word.slice(1));
  const before = base();
  const { provider, model, cap, suite, client, setup, why, changed } = state;
  return (result) => {
    const { case: of } = result;
    if (provider && of.provider !== provider) return false;
    if (model && (of.model || "-") !== model) return false;
    if (cap && !(cap === "-" ? of.capabilities.length === 0 : of.capabilities.includes(cap))) return false;
    if (suite && of.suite !== suite) return false;
    if (client && of.client !== client) return false;
    if (setup && of.setup !== setup) return false;
    if (why && groupOf(result) !== why) return false;
    if (changed && !isChanged(result, before)) return false;
    if (words.length === 0) return true;
    const all = hay(result);
    return wanted.every((word) => all.includes(word)) && !unwanted.some((word) => all.includes(word));
  };
};

const isChanged = (result, before) => {
  const was = before?.byCase.get(result.case.number);
  return before !== null && (was?.outcome !== result.outcome || (was?.torn === null) !== (result.torn === null));
};

const SORTS = {
  order: ["as the run has them", (a, b) => a.order - b.order],
  bad: ["what failed first", (a, b) => rank(a) - rank(b) || a.order - b.order],
  slow: ["slowest first", (a, b) => b.us - a.us || a.order - b.order],
  name: ["by name", (a, b) => (a.case.id < b.case.id ? -1 : 1)],
};
const rank = (result) => (result.torn !== null ? 1 : SHOWN.indexOf(result.outcome.key));

// Sorted once for each run and order: a filter keeps the order.
const orders = new Map();
const inOrder = () => {
  const run = current(), name = SORTS[state.sort] ? state.sort : "bad";
  const key = `${run.number} ${name}`;
  if (!orders.has(key)) orders.set(key, [...run.results].sort(SORTS[name][1]));
  return orders.get(key);
};

// The cases to list, and the counts of outcomes among those that the other filters leave.
const chosen = () => {
  const keys = (state.status ?? "").split(",").filter(outcomeOf);
  const fits = matcher();
  const fitting = inOrder().filter(fits);
  const list = keys.length === 0 ? fitting : fitting.filter((result) => keys.some((key) => isOf(result, key)));
  return { counts: countsOf(fitting), keys, list };
};
