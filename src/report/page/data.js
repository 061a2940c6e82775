// The data of the page, from compact rows to objects. The columns are told beside the functions in Rust that make them.

const raw = JSON.parse(document.getElementById("data").textContent);
const text = (number) => (number === null || number === undefined ? "" : raw.texts[number]);
const texts = (numbers) => (numbers ?? []).map(text);

// Outcomes by number. The mark and the word tell them apart without colours.
const OUTCOMES = [
  { key: "passed", mark: "✓", word: "passed", tone: "good" },
  { key: "flaky", mark: "!", word: "flaky", tone: "odd" },
  { key: "failed", mark: "✗", word: "failed", tone: "bad" },
  { key: "error", mark: "✗", word: "error", tone: "bad" },
  { key: "skipped", mark: "–", word: "skipped", tone: "dim" },
  { key: "xfailed", mark: "×", word: "failed as expected", tone: "odd" },
  { key: "xpassed", mark: "!", word: "passed unexpectedly", tone: "odd" },
  { key: "gone", mark: "…", word: "given up", tone: "bad" },
];
// The order in which counts and filters stand.
const SHOWN = ["failed", "error", "gone", "flaky", "xpassed", "xfailed", "skipped", "passed"];
const outcomeOf = (key) => OUTCOMES.find((outcome) => outcome.key === key);

const cases = raw.cases.map(([suite, rest, line, template, setup, provider, model, client, parameters, capabilities], number) => ({
  number,
  suite: text(suite),
  rest,
  id: text(suite) ? `${text(suite)}::${rest}` : rest,
  line,
  template: text(template),
  setup: text(setup),
  provider: text(provider),
  model: text(model),
  client: text(client),
  parameters: texts(parameters),
  capabilities: texts(capabilities),
}));
const byId = new Map(cases.map((each) => [each.id, each]));

const recordingOf = (row) => row && { file: text(row[0]), origin: text(row[1]), when: row[2] };

const callOf = (number) => {
  const row = raw.calls[number];
  const [part, step, attempt, method, endpoint, status, model, first, last, finish, input, output, dollars, recording, stream, more, provider] = row;
  return {
    part: text(part), step: text(step), attempt, method: text(method), endpoint: text(endpoint), status, model: text(model),
    first, last, finish: text(finish), input, output, dollars, recording: recordingOf(recording),
    stream: streamOf(stream), bare: Array.isArray(stream) ? stream[0] : 0, more: more ?? 0, provider: text(provider),
  };
};

// Pieces as [microseconds, bytes], and how many there were before neighbours were joined.
const streamOf = (number) => {
  if (typeof number !== "number") return null;
  const [count, steps] = raw.streams[number];
  const pieces = [];
  let at = 0;
  for (let i = 0; i < steps.length; i += 2) pieces.push([(at += steps[i] * 100), steps[i + 1]]);
  return { count, pieces };
};

const findingsOf = (row) => {
  const found = [];
  for (let i = 0; i < (row?.length ?? 0); i += 3) {
    found.push({ rule: text(row[i]), actual: text(row[i + 1]), known: row[i + 2] === null || row[i + 2] === undefined ? null : text(row[i + 2]) });
  }
  return found;
};

const resultOf = ([number, outcome, us, reason, details, calls, findings, kept, used, written, rate, reruns, torn], order) => ({
  case: cases[number],
  outcome: OUTCOMES[outcome],
  us,
  order,
  reason: text(reason),
  details: details ?? null,
  calls: calls ?? [],
  findings: findingsOf(findings),
  kept: texts(kept),
  used: texts(used),
  written: texts(written),
  rate: rate ?? null,
  reruns: reruns ?? 0,
  torn: torn ?? null,
});

const runs = raw.runs.map((run, number) => {
  const results = run.results.map(resultOf);
  const byCase = new Map(results.map((result) => [result.case.number, result]));
  return { ...run, number, results, byCase };
});
const proofOf = (run) => run.end.proof ?? null;

const isBad = (result) => result.torn !== null || result.outcome.tone === "bad";
// A result counts as an error, too, if only its teardown failed.
const isOf = (result, key) => result.outcome.key === key || (key === "error" && result.torn !== null);

const countsOf = (results) => {
  const counts = Object.fromEntries(SHOWN.map((key) => [key, 0]));
  for (const result of results) {
    counts[result.outcome.key] += 1;
    if (result.torn !== null) counts.error += 1;
  }
  return counts;
};

// What tells a case apart in a search, made when it is first needed.
const hay = (result) =>
  (result.hay ??= [
    result.case.id, result.case.provider, result.case.model, result.case.setup, result.case.capabilities.join(" "), result.reason,
    result.findings.map((finding) => finding.rule).join(" "),
  ].join(" ").toLowerCase());
