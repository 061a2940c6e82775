// Two runs, or two providers or models, as two full columns: what each can do, what differs, and each case that does.

const MOST_DIFFERING = 50;

// A side by its words in the address: a run, and with it a provider, and with it a model: `2`, `2:together`, `2:together:qwen`.
const sideOf = (words) => {
  const [number, provider, ...rest] = (words ?? "").split(":");
  const run = runs[Number(number) - 1];
  if (!run) return null;
  const model = rest.length > 0 ? rest.join(":") : undefined;
  const fits = ({ case: of }) => (provider === undefined || of.provider === provider) && (model === undefined || of.model === model);
  const results = run.results.filter(fits);
  return results.length === 0 && provider !== undefined ? null : { words, run, provider, model, results };
};

const sideName = ({ run, provider, model }) => {
  const of = provider === undefined ? "" : model === undefined ? provider || "no provider" : `${provider} ${bare(model, provider) || "no model"}`;
  return runs.length === 1 ? of || "the whole run" : of ? `${of}, ${runName(run)}` : runName(run);
};

// Each run, its providers where it has several, and their models where they have several.
const sideChoices = (run) => {
  const number = String(run.number + 1), models = new Map();
  for (const { case: { provider, model } } of run.results) {
    if (!models.has(provider)) models.set(provider, new Set());
    models.get(provider).add(model);
  }
  const named = [...models].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([provider, of]) => [
    ...(models.size > 1 ? [`${number}:${provider}`] : []),
    ...(of.size > 1 ? [...of].sort().map((model) => `${number}:${provider}:${model}`) : []),
  ]);
  return [number, ...named];
};

// The two sides that are chosen; else the run before and this one, else the first two providers or models of this run.
const chosenSides = () => {
  const own = sideChoices(current()), before = base();
  const usual = before ? [String(before.number + 1), own[0]] : own.slice(1).filter((words) => own.length < 4 || words.split(":").length === own[1].split(":").length);
  return [sideOf(state.left) ?? sideOf(usual[0] ?? own[0]), sideOf(state.right) ?? sideOf(usual[1] ?? own[0])];
};

// What is the same case on both sides. Where sides are not runs, a model's name tells them apart, and so it is left out.
const pairKey = ({ case: of }, areRuns) => {
  if (areRuns) return of.id;
  const parameters = [];
  for (let i = 0; i < of.parameters.length; i += 2) {
    if (![of.model, bare(of.model, of.provider)].includes(of.parameters[i + 1])) parameters.push(of.parameters[i], of.parameters[i + 1]);
  }
  return JSON.stringify([of.suite, of.template, of.client, parameters]);
};

// The results of both sides under each key, in the order of the left one.
const paired = (sides, keysOf) => {
  const pairs = new Map();
  sides.forEach(({ results }, i) => results.filter((result) => result.outcome.key !== "gone").forEach((result) => keysOf(result).forEach((key) => {
    if (!pairs.has(key)) pairs.set(key, [[], []]);
    pairs.get(key)[i].push(result);
  })));
  return pairs;
};

const sides = () => {
  if (runs.length < 2 && sideChoices(current()).length < 3) return null;
  const both = chosenSides();
  const areRuns = both.every((side) => side.provider === undefined);
  const rows = [...paired(both, (result) => rowsOf(result).map((row) => JSON.stringify([row.kind, row.name])))].sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, of]) => ({ key, kind: JSON.parse(key)[0], name: JSON.parse(key)[1], cells: of.map((results) => (results.length ? judge(results) : null)) }));
  const differs = ({ cells: [a, b] }) => a?.kind !== b?.kind || a.good !== b.good || a.tried !== b.tried;
  const differing = rows.filter(differs), isAll = state.sides === "all";
  const cases = [...paired(both, (result) => [pairKey(result, areRuns)])].map(([, of]) => of).filter(([a, b]) => outcomesOf(a) !== outcomesOf(b));
  const toggle = el("a", { class: "toggle", role: "button", "aria-pressed": String(!isAll), href: address({ sides: isAll ? null : "all", case: null }) }, `Only what differs (${differing.length})`);
  const shown = isAll ? rows : differing;
  return section("sides", "Side by side",
    el("div", { class: "bar" }, sidePickers(both), toggle),
    sideTable("What both came to", both, figuresOf(both)),
    shown.length === 0 ? el("p", { class: "empty" }, "No capability differs.")
      : sideTable("Capabilities, and cases that need none by suite", both, shown.map((row) => [breakable(row.name || "no suite"), both.map((side, i) => sideCell(side, row, row.cells[i])), differs(row)])),
    el("h3", {}, `Cases that differ (${whole(cases.length)})`),
    cases.length === 0 ? el("p", { class: "empty" }, "None: every case that both have ended alike.")
      : sideTable("Cases that differ", both, cases.slice(0, MOST_DIFFERING).map(([a, b]) => [nameOf((a[0] ?? b[0]).case), [a, b].map((results, i) => pairCell(both[i], results)), true])),
    cases.length > MOST_DIFFERING && el("p", { class: "note" }, `and ${counted(cases.length - MOST_DIFFERING, "more case")}`));
};

const outcomesOf = (results) => results.map((result) => (result.torn !== null ? "torn " : "") + result.outcome.key).sort().join();

const sidePickers = (both) => {
  const pick = (key, title, chosen) => el("div", { class: "field" }, el("label", { for: `pick-${key}` }, title),
    el("select", { id: `pick-${key}`, onchange: (event) => goTo(address({ [key]: event.target.value, case: null, at: null }), `pick-${key}`) },
      runs.map((run) => el("optgroup", { label: runName(run) }, sideChoices(run).map((words) => el("option", { value: words, selected: words === chosen.words }, sideName(sideOf(words))))))));
  const swap = el("button", { type: "button", id: "swap", onclick: () => goTo(address({ left: both[1].words, right: both[0].words, case: null, at: null }), "swap") }, "Swap");
  return el("div", { class: "pickers" }, pick("left", "Left", both[0]), pick("right", "Right", both[1]), swap);
};

// A table whose rows fold under their names on a narrow screen; the roles tell it is a table all the same.
const sideTable = (title, both, rows) => el("table", { class: "sides", role: "table" }, el("caption", { class: "unseen" }, title),
  el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, el("th", { role: "columnheader", scope: "col" }, unseen("What")), both.map((side) => el("th", { role: "columnheader", scope: "col" }, sideName(side))))),
  el("tbody", { role: "rowgroup" }, rows.map(([name, cells, isDiffering]) => el("tr", { role: "row", class: isDiffering ? "differs" : null },
    el("th", { role: "rowheader", scope: "row" }, name, isDiffering && el("span", { class: "unequal", title: "differs" }, " ≠", unseen(" differs"))),
    cells.map((cell) => el("td", { role: "cell", class: cell.tone ?? null }, [cell.words].flat(2)))))));

const figuresOf = (both) => {
  const all = both.map(({ results, run }) => {
    const calls = results.flatMap((result) => result.calls.map(callOf)), counts = countsOf(results);
    const half = (of) => quantile(numbers(calls.map((call) => call[of])), 0.5);
    const priced = calls.filter((call) => typeof call.dollars === "number");
    return {
      outcomes: SHOWN.filter((key) => counts[key] > 0).map((key) => `${outcomeOf(key).mark} ${whole(counts[key])} ${outcomeOf(key).word}`).join(", ") || "no case",
      calls: run.bare ? "not on this page" : whole(calls.length), first: time(half("first")), last: time(half("last")),
      tokens: run.bare ? "–" : `${whole(sum(calls.map((call) => call.input)))} in, ${whole(sum(calls.map((call) => call.output)))} out`,
      cost: run.bare ? "–" : priced.length ? money(sum(priced.map((call) => call.dollars))) : "not known",
    };
  });
  const names = { outcomes: "Outcomes", calls: "Calls", first: "First byte, half of the calls", last: "Whole reply, half of the calls", tokens: "Tokens", cost: "Cost" };
  // Times are never the same; they mark nothing.
  const isTold = (key) => key === "outcomes" || !["first", "last"].includes(key) && !both.some((side) => side.run.bare);
  return Object.entries(names).map(([key, name]) => [name, all.map((of) => ({ words: of[key] })), isTold(key) && all[0][key] !== all[1][key]]);
};

const inRun = (side) => ({ run: String(side.run.number + 1), provider: side.provider ?? null, model: side.model === undefined ? null : side.model || "-" });

const sideCell = (side, row, cell) => {
  if (!cell) return { words: el("span", { class: "note" }, "not tried") };
  const { mark, word, tone } = KINDS[cell.kind];
  const where = row.kind === "cap" ? { cap: row.name } : { cap: "-", suite: row.name };
  return { tone, words: [
    el("a", { href: onlyCases({ ...where, ...inRun(side) }) }, el("span", { class: "mark", "aria-hidden": "true" }, mark), " ", el("span", { class: "word" }, word),
      el("span", { class: "ran" }, cell.kind === "skipped" || cell.good === cell.all ? whole(cell.all) : `${whole(cell.good)} of ${whole(cell.all)}`, unseen(cell.all === 1 ? " case" : " cases"))),
    cell.reasons.slice(0, 3).map((reason) => el("p", { class: "why" }, reason)),
    cell.reasons.length > 3 && el("p", { class: "more" }, `and ${counted(cell.reasons.length - 3, "more reason")}`),
  ] };
};

const pairCell = (side, results) => {
  if (results.length === 0) return { words: el("span", { class: "note" }, "not in it") };
  return { tone: isBad(results[0]) ? "bad" : results[0].outcome.tone, words: results.slice(0, 5).map((result) => el("div", {},
    el("a", { href: address({ run: String(side.run.number + 1), case: result.case.id, at: null }) }, badge(result.outcome)),
    result.torn !== null && el("span", { class: "tag" }, "teardown failed"),
    result.outcome.key !== "skipped" && el("span", { class: "ran" }, time(result.us)),
    result.reason && el("p", { class: "why" }, result.reason))) };
};
