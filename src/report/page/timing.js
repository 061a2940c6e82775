// How long replies took, what they used and cost, by model.

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
const numbers = (values) => values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

const modelsOf = (run) => {
  const models = new Map();
  for (const result of run.results) {
    for (const number of result.calls) {
      const call = callOf(number);
      const name = call.model || result.case.model || "no model";
      const key = JSON.stringify([result.case.provider, name]);
      if (!models.has(key)) models.set(key, { provider: result.case.provider, name: bare(name, result.case.provider), calls: [] });
      models.get(key).calls.push({ ...call, result });
    }
  }
  return [...models.values()].sort((a, b) => (a.provider + a.name < b.provider + b.name ? -1 : 1));
};

const MOST_MODELS = 40;

const timing = () => {
  const all = modelsOf(current());
  if (all.length === 0) return section("timing", "Timing, tokens and cost", el("p", { class: "empty" }, current().bare ? "Its calls are not on this page, which would be too large." : "The run has kept no calls."));
  const calls = all.flatMap((model) => model.calls);
  const recorded = calls.filter((call) => call.recording).length;
  const words = recorded === calls.length ? "Times are as recorded: replay does not wait for them."
    : recorded === 0 ? "Times are as measured in this run."
    : `Times of ${counted(recorded, "call")} are as recorded, those of ${whole(calls.length - recorded)} as measured in this run.`;
  const models = all.slice(0, MOST_MODELS);
  return section("timing", "Timing, tokens and cost",
    el("p", { class: "note" }, `${counted(calls.length, "call")}. ${words}`),
    totals(calls),
    distributions(models),
    all.length > MOST_MODELS && el("p", { class: "note" }, `and ${counted(all.length - MOST_MODELS, "more model")}`),
    streams(calls), slowest());
};

const totals = (calls) => {
  const priced = calls.filter((call) => call.dollars !== null && call.dollars !== undefined);
  const told = calls.filter((call) => call.input !== null && call.input !== undefined);
  return el("dl", { class: "tiles" },
    tile("tokens in", whole(sum(calls.map((call) => call.input)))),
    tile("tokens out", whole(sum(calls.map((call) => call.output)))),
    tile("calls that report tokens", `${whole(told.length)} of ${whole(calls.length)}`),
    tile("cost", priced.length ? money(sum(priced.map((call) => call.dollars))) : "not known",
      priced.length < calls.length && priced.length > 0 ? `of ${counted(priced.length, "call")} with a price` : priced.length ? "" : "no prices are declared"));
};
const tile = (name, value, note) => el("div", {}, el("dt", {}, name), el("dd", {}, value, note && el("small", {}, note)));

const distributions = (models) => {
  const range = numbers(models.flatMap((model) => model.calls.flatMap((call) => [call.first, call.last]))).filter((us) => us > 0);
  const low = Math.max(range[0] ?? 1000, 100), high = Math.max(range[range.length - 1] ?? low * 10, low * 2);
  const head = ["Model", "Calls", "First byte", "Whole reply", "Tokens in", "out", "out per s", "Cost"];
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Times, tokens and cost by model" }, el("table", { class: "figures" },
    el("caption", {}, `Times from ${time(low)} to ${time(high)}, left to right, each decade as wide; a bar marks half, a thin one nine in ten.`),
    el("thead", {}, el("tr", {}, head.map((words, i) => el("th", { scope: "col", class: i === 1 || i > 3 ? "number" : null }, words)))),
    el("tbody", {}, models.map((model) => modelRow(model, low, high)))));
};

const modelRow = ({ provider, name, calls }, low, high) => {
  const firsts = numbers(calls.map((call) => call.first)), lasts = numbers(calls.map((call) => call.last));
  const speeds = numbers(calls.filter((call) => call.output && call.last > 0).map((call) => call.output / (call.last / 1e6)));
  const priced = calls.filter((call) => call.dollars !== null && call.dollars !== undefined);
  return el("tr", {},
    el("th", { scope: "row" }, provider && el("span", { class: "suite" }, provider + " "), name),
    el("td", { class: "number" }, whole(calls.length)),
    el("td", {}, distribution(firsts, low, high)), el("td", {}, distribution(lasts, low, high)),
    el("td", { class: "number" }, whole(sum(calls.map((call) => call.input)))),
    el("td", { class: "number" }, whole(sum(calls.map((call) => call.output)))),
    el("td", { class: "number" }, speeds.length ? whole(Math.round(quantile(speeds, 0.5))) : "–"),
    el("td", { class: "number" }, priced.length ? money(sum(priced.map((call) => call.dollars))) : "–"));
};

const BINS = 40;

const distribution = (sorted, low, high) => {
  if (sorted.length === 0) return "–";
  const x = (us) => (Math.log(Math.min(Math.max(us, low), high) / low) / Math.log(high / low)) * 1000;
  const bins = new Array(BINS).fill(0);
  for (const us of sorted) bins[Math.min(BINS - 1, Math.floor((x(us) / 1000) * BINS))] += 1;
  const most = Math.max(...bins);
  const [half, nine] = [quantile(sorted, 0.5), quantile(sorted, 0.9)];
  const words = `half within ${time(half)}, nine in ten within ${time(nine)}`;
  const wide = 1000 / BINS;
  return el("figure", { class: "distribution" },
    svg("svg", { viewBox: "0 0 1000 40", preserveAspectRatio: "none", role: "img", "aria-label": words },
      svg("rect", { class: "ground", x: 0, y: 39, width: 1000, height: 1 }),
      bins.map((count, i) => (count ? svg("rect", { class: "bin", x: i * wide + 2, width: wide - 4, y: 38 - Math.max(3, (count / most) * 34), height: Math.max(3, (count / most) * 34) }) : [])).flat(),
      svg("rect", { class: "half", x: Math.min(x(half), 992), y: 0, width: 8, height: 40 }),
      svg("rect", { class: "nine", x: Math.min(x(nine), 996), y: 0, width: 4, height: 40 })),
    el("figcaption", {}, el("b", {}, time(half)), ` · 90 %: ${time(nine)}`));
};

// The streams in which the reader waited longest for the next piece; equal ones once.
const streams = (calls) => {
  const seen = new Set();
  const found = calls.filter((call) => call.stream?.pieces.length > 1)
    .map((call) => ({ call, gap: longestGap(call.stream.pieces).us }))
    .sort((a, b) => b.gap - a.gap)
    .filter(({ call }) => {
      const key = `${call.model} ${JSON.stringify(call.stream.pieces.slice(0, 20))}`;
      return !seen.has(key) && seen.add(key);
    });
  const count = calls.filter((call) => call.stream || call.bare).length;
  if (found.length === 0) return null;
  return el("div", {}, el("h3", {}, "Streams with the longest gaps"),
    el("p", { class: "note" }, `${counted(count, "stream")} in all${raw.bare > 0 ? `; the page has no room for the timelines of ${whole(raw.bare)} of them` : ""}.`),
    el("ol", { class: "streams" }, found.slice(0, 6).map(({ call }) => el("li", {}, caseLink(call.result), timeline(call)))));
};

const slowest = () => {
  const slow = current().results.filter((result) => result.outcome.key !== "skipped").sort((a, b) => b.us - a.us).slice(0, 8);
  if (slow.length === 0 || slow[0].us === 0) return null;
  const most = slow[0].us;
  return el("div", {}, el("h3", {}, "Slowest cases"), el("ol", { class: "slow" }, slow.map((result) =>
    el("li", {}, caseLink(result), el("span", { class: "took" }, time(result.us)), el("meter", { min: 0, max: most, value: result.us, "aria-hidden": "true" })))),
    el("p", {}, el("a", { href: onlyCases({ sort: "slow" }) }, "All cases, the slowest first")));
};
