// All cases, with filters that the address keeps.

// Few rows at first, so that every key is answered at once; more when they are wanted.
const FIRST = 50;
const STEP = 200;
const FACETS = [
  ["provider", "Provider", (of) => [of.provider]],
  ["model", "Model", (of) => [of.model || "-"]],
  ["cap", "Capability", (of) => (of.capabilities.length ? of.capabilities : ["-"])],
  ["suite", "Suite", (of) => [of.suite]],
  ["client", "Client", (of) => [of.client]],
  ["setup", "Setup", (of) => [of.setup]],
];

// The filters stay in place while the reader types; only what is listed is made anew.
const casesSection = () => {
  const search = el("input", { type: "search", id: "search", value: state.k ?? "", autocomplete: "off", spellcheck: "false",
    placeholder: "words, -without", "aria-keyshortcuts": "/", oninput: (event) => choose({ k: event.target.value }) });
  const sort = el("select", { id: "sort", onchange: (event) => choose({ sort: event.target.value }) },
    Object.entries(SORTS).map(([key, [words]]) => el("option", { value: key, selected: (state.sort ?? "bad") === key }, words)));
  return section("cases", "Cases",
    el("form", { class: "filters", role: "search", "aria-label": "Cases", onsubmit: (event) => event.preventDefault() },
      el("div", { class: "field grow" }, el("label", { for: "search" }, "Search"), search),
      FACETS.map(facet),
      el("div", { class: "field" }, el("label", { for: "sort" }, "Order"), sort)),
    el("div", { class: "bar", id: "statuses", role: "group", "aria-label": "Outcomes" }),
    el("p", { class: "note", id: "found", "aria-live": "polite" }),
    el("ol", { class: "list", id: "list" }),
    el("div", { id: "more" }));
};

const facet = ([key, title, of]) => {
  const values = new Set(current().results.flatMap((result) => of(result.case)).filter(Boolean));
  if (values.size < 2 && !state[key]) return null;
  if (state[key]) values.add(state[key]);
  const ordered = [...values].sort();
  const words = (value) => (value !== "-" ? value : key === "cap" ? "none in particular" : "no model");
  return el("div", { class: "field" }, el("label", { for: `by-${key}` }, title),
    el("select", { id: `by-${key}`, onchange: (event) => choose({ [key]: event.target.value || null }) },
      el("option", { value: "" }, "all"), ordered.map((value) => el("option", { value, selected: state[key] === value }, words(value)))));
};

// Changes a filter without a step in the browser's history.
const choose = (changes) => {
  history.replaceState(null, "", address({ ...changes, case: null, at: null }));
  state = read();
  list();
};

let listed = [];

const list = () => {
  const { counts, keys, list: found } = chosen();
  listed = found;
  document.getElementById("statuses").replaceChildren(...statuses(counts, keys));
  const all = current().results.length;
  const isFiltered = FILTERS.some((key) => state[key]);
  const words = isFiltered ? `${whole(found.length)} of ${counted(all, "case")}` : counted(all, "case");
  const clear = isFiltered && el("button", { type: "button", class: "quiet", onclick: clearFilters }, "Clear all filters");
  const why = state.why && el("span", { class: "tag" }, state.why);
  document.getElementById("found").replaceChildren(...[words, " ", why, " ", clear].filter(Boolean));
  document.getElementById("list").replaceChildren();
  more(0, FIRST);
};

const clearFilters = () => {
  history.replaceState(null, "", address({ ...Object.fromEntries(FILTERS.map((key) => [key, null])), at: null }));
  state = read();
  renderCases();
  document.getElementById("search").focus();
};

const statuses = (counts, keys) => {
  const toggled = (key) => (keys.includes(key) ? keys.filter((each) => each !== key) : [...keys, key]).join(",");
  const button = (key) => {
    const { mark, word, tone } = outcomeOf(key);
    return el("button", { type: "button", class: `chip ${tone}`, "aria-pressed": String(keys.includes(key)), "data-key": key,
      onclick: () => pressed(key, { status: toggled(key) || null }) },
      el("span", { class: "mark", "aria-hidden": "true" }, mark), ` ${word} `, el("b", {}, whole(counts[key])));
  };
  const before = base();
  const changed = before && el("button", { type: "button", class: "chip", "aria-pressed": String(Boolean(state.changed)), "data-key": "changed",
    onclick: () => pressed("changed", { changed: state.changed ? null : "1" }) }, `changed since ${runName(before)}`);
  return [...SHOWN.filter((key) => counts[key] > 0 || keys.includes(key)).map(button), changed].filter(Boolean);
};

// The buttons are made anew, so the focus goes to the new one.
const pressed = (key, changes) => {
  choose(changes);
  document.querySelector(`#statuses [data-key="${key}"]`)?.focus();
};

const more = (from, count) => {
  const next = listed.slice(from, from + count);
  document.getElementById("list").append(...next.map(caseRow));
  const rest = listed.length - from - next.length;
  const button = el("button", { type: "button", onclick: () => more(from + count, STEP) }, `Show more (${whole(rest)})`);
  const empty = el("p", { class: "empty" }, current().results.length ? "No case fits these filters." : "No case has run.");
  document.getElementById("more").replaceChildren(...(listed.length === 0 ? [empty] : rest > 0 ? [button] : []));
};

const caseRow = (result) => {
  const { case: of, outcome, us, reason } = result;
  const notes = [
    result.torn !== null && "teardown failed",
    result.rate && `${result.rate[0]} of ${result.rate[1]} tries`,
    result.reruns > 0 && counted(result.reruns, "rerun"),
    ...result.findings.slice(0, 3).map((finding) => `≈ ${finding.rule}`),
  ].filter(Boolean);
  return el("li", {},
    el("a", { class: "row", href: address({ case: of.id, at: null }) }, badge(outcome),
      el("span", { class: "title" }, el("span", { class: "id" }, nameOf(of)),
        reason && el("span", { class: "reason" }, reason),
        notes.length > 0 && el("span", { class: "notes" }, notes.map((note) => el("span", { class: "tag" }, note)))),
      runs.length > 1 && strip(of),
      el("span", { class: "took" }, outcome.key === "skipped" || outcome.key === "gone" ? "" : time(us))));
};
