// What works: capabilities by provider and model, with the reason in each cell.

const KINDS = {
  works: { mark: "✓", word: "works", tone: "good" },
  deviates: { mark: "≈", word: "deviates", tone: "odd" },
  flaky: { mark: "!", word: "flaky", tone: "odd" },
  surprising: { mark: "!", word: "unexpected pass", tone: "odd" },
  some: { mark: "◐", word: "partly works", tone: "bad" },
  fails: { mark: "✗", word: "fails", tone: "bad" },
  limited: { mark: "◐", word: "partly, as declared", tone: "odd" },
  known: { mark: "×", word: "known failure", tone: "odd" },
  skipped: { mark: "–", word: "skipped", tone: "dim" },
};

// The verdict of the results of a cell, with the reasons for what is not simply good.
const judge = (results) => {
  const count = (test) => results.filter(test).length;
  const bad = count(isBad);
  const good = count((r) => !isBad(r) && ["passed", "flaky", "xpassed"].includes(r.outcome.key));
  const expected = count((r) => r.outcome.key === "xfailed");
  const flaky = count((r) => r.outcome.key === "flaky"), surprising = count((r) => r.outcome.key === "xpassed");
  const deviating = count((r) => r.findings.length > 0);
  const kind =
    bad > 0 ? (good > 0 ? "some" : "fails")
    : expected > 0 ? (good > 0 ? "limited" : "known")
    : good === 0 ? "skipped"
    : flaky > 0 ? "flaky"
    : surprising > 0 ? "surprising"
    : deviating > 0 ? "deviates"
    : "works";
  const reasons = new Set();
  for (const r of [...results].sort((a, b) => weight(a) - weight(b))) {
    if (r.reason) reasons.add(r.reason);
    if (r.torn !== null && !r.reason) reasons.add("the teardown failed");
  }
  for (const r of results) {
    for (const { rule, known, actual } of r.findings) reasons.add(`${rule}: ${known ?? actual}${known === null ? " (not declared)" : ""}`);
  }
  return { kind, good, tried: results.length - count((r) => r.outcome.key === "skipped"), all: results.length, reasons: [...reasons] };
};

// What explains a verdict best stands first.
const weight = (result) => (isBad(result) ? 0 : ["xfailed", "flaky", "xpassed", "skipped", "passed"].indexOf(result.outcome.key) + 1);

// The rows that a result belongs to: its capabilities; its suite where it needs none in particular.
const rowsOf = ({ case: { capabilities, suite } }) =>
  capabilities.length > 0 ? capabilities.map((name) => ({ kind: "cap", name })) : [{ kind: "suite", name: suite }];

const cellKey = (row, column) => `${row}\n${column}`;

// Rows: capabilities by name; then suites, for their cases that need no capability in particular. Columns: provider, model.
const matrixOf = (run) => {
  const cells = new Map(), columns = new Map(), rows = new Map();
  for (const result of run.results) {
    const { provider, model } = result.case;
    if (result.outcome.key === "gone") continue;
    const column = JSON.stringify([provider, model]);
    columns.set(column, { provider, model, key: column });
    for (const { kind, name } of rowsOf(result)) {
      const row = JSON.stringify([kind, name]);
      rows.set(row, { kind, name, key: row });
      const key = cellKey(row, column);
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push(result);
    }
  }
  const by = (of) => (a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0);
  const order = [...columns.values()].sort(by((c) => c.provider + "\n" + c.model));
  const judged = new Map([...cells].map(([key, results]) => [key, judge(results)]));
  return { columns: order, rows: [...rows.values()].sort(by((r) => r.kind + "\n" + r.name)), cells: judged };
};

const MOST_COLUMNS = 60;

const matrix = () => {
  const run = current(), before = base();
  const now = matrixOf(run), was = before && matrixOf(before);
  const columns = now.columns.slice(0, MOST_COLUMNS);
  const at = (row, column) => now.cells.get(cellKey(row.key, column.key));
  const differs = (row) => new Set(columns.map((column) => at(row, column)?.kind).filter(Boolean)).size > 1;
  const changed = (row, column) => {
    const cell = at(row, column), old = was?.cells.get(cellKey(row.key, column.key));
    return cell && old && old.kind !== cell.kind ? old : null;
  };
  const isMarked = (row) => differs(row) || columns.some((column) => changed(row, column));
  const canDiffer = columns.length > 1 || was;
  const onlyThose = state.rows === "differing" && canDiffer;
  const rows = onlyThose ? now.rows.filter(isMarked) : now.rows;
  if (now.rows.length === 0) return section("matrix", "What works", el("p", { class: "empty" }, "No case has run."));
  const body = [["cap", "Capability"], ["suite", "Cases that need no capability in particular, by suite"]].map(([kind, title]) => {
    const of = rows.filter((row) => row.kind === kind);
    if (of.length === 0) return null;
    const head = el("tr", { class: "group" }, el("th", { colspan: columns.length + 1, scope: "rowgroup" }, el("span", {}, title)));
    const isAlone = kind === "cap" && !now.rows.some((row) => row.kind === "suite");
    return el("tbody", {}, isAlone ? null : head, of.map((row) => matrixRow(row, columns, at, changed, differs(row))));
  });
  const table = el("table", { class: "matrix" },
    el("caption", { class: "unseen" }, "Capabilities by provider and model. Each cell links to its cases."), matrixHead(columns, (column) => now.rows.map((row) => at(row, column)).filter(Boolean)), body);
  const toggle = canDiffer && el("a", { class: "toggle", role: "button", "aria-pressed": String(Boolean(onlyThose)),
    href: address({ rows: onlyThose ? null : "differing", case: null }) }, `Only rows that differ (${now.rows.filter(isMarked).length})`);
  const cut = now.columns.length - columns.length;
  return section("matrix", "What works",
    el("div", { class: "bar" }, el("p", { class: "note" }, matrixNote(columns, before)), toggle),
    rows.length === 0 ? el("p", { class: "empty" }, "No row differs.")
      : el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Capabilities by provider and model" }, table),
    cut > 0 && el("p", { class: "note" }, `and ${counted(cut, "more model")}, which the filters of the cases name.`));
};

const matrixNote = (columns, before) =>
  ["A cell has the number of its cases, and leads to them.", columns.length > 1 && "≠ marks what is not the same everywhere.",
    before && `“was” marks what was otherwise in ${runName(before)}.`].filter(Boolean).join(" ");

// How many cells of a column are good, odd, bad and not tried, as signs and, for those who hear them, as words.
const TONES = [["good", "✓", "work"], ["odd", "≈", "with reservations"], ["bad", "✗", "with failures"], ["dim", "–", "skipped"]];
const columnSum = (cells) => TONES.map(([tone, mark, words]) => [tone, mark, words, cells.filter((cell) => KINDS[cell.kind].tone === tone).length])
  .filter(([, , , count]) => count > 0)
  .map(([tone, mark, words, count]) => el("span", { class: `sum ${tone}` }, el("span", { "aria-hidden": "true" }, mark), ` ${whole(count)}`, unseen(` ${words}`)));

const matrixHead = (columns, cellsOf) => {
  const groups = [];
  for (const column of columns) {
    const last = groups[groups.length - 1];
    if (last?.provider === column.provider) last.columns.push(column);
    else groups.push({ provider: column.provider, columns: [column] });
  }
  return el("thead", {},
    el("tr", {}, el("th", { rowspan: "2", scope: "col", class: "corner" }, unseen("Capability or suite")),
      groups.map(({ provider, columns: of }) => el("th", { colspan: of.length, scope: "colgroup", class: "provider" }, provider || "no provider"))),
    el("tr", {}, groups.flatMap(({ columns: of }) => of.map((column, i) =>
      el("th", { scope: "col", class: i === 0 ? "model first" : "model" }, column.model ? breakable(bare(column.model, column.provider)) : "no model", el("span", { class: "sums" }, columnSum(cellsOf(column))))))));
};

const matrixRow = (row, columns, at, changed, isDiffering) =>
  el("tr", { class: isDiffering ? "differs" : null },
    el("th", { scope: "row" }, el("span", { class: "capability" }, breakable(row.name || "no suite")), isDiffering && el("span", { class: "unequal", title: "not the same everywhere" }, "≠", unseen(" differs"))),
    columns.map((column, i) => matrixCell(row, column, at(row, column), changed(row, column), i > 0 && columns[i - 1].provider !== column.provider)));

const matrixCell = (row, column, cell, old, isEdge) => {
  const edge = isEdge ? " edge" : "";
  if (!cell) return el("td", { class: "none" + edge }, el("span", { "aria-hidden": "true" }, "·"), unseen("not tried"));
  const { mark, word, tone } = KINDS[cell.kind];
  const where = row.kind === "cap" ? { cap: row.name } : { cap: "-", suite: row.name };
  const href = onlyCases({ ...where, provider: column.provider, model: column.model || "-" });
  const ran = cell.kind === "skipped" || cell.good === cell.all ? whole(cell.all) : `${whole(cell.good)} of ${whole(cell.all)}`;
  const [first, ...more] = cell.reasons;
  return el("td", { class: tone + edge },
    el("a", { href }, el("span", { class: "mark", "aria-hidden": "true" }, mark), " ", el("span", { class: "word" }, word), el("span", { class: "ran" }, ran, unseen(cell.all === 1 ? " case" : " cases"))),
    old && el("p", { class: "was" }, `was ${KINDS[old.kind].mark} ${KINDS[old.kind].word}`),
    first && el("p", { class: "why", title: cell.reasons.slice(0, 20).join("\n") }, first),
    more.length > 0 && el("p", { class: "more" }, `and ${counted(more.length, "more reason")}`));
};
