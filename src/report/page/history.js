// The outcomes of cases over the runs, oldest first.

const runName = (run) => (runs.length === 1 ? "the run" : `run ${run.number + 1}`);

const strip = (of) => {
  const words = runs.map((run) => run.byCase.get(of.number)?.outcome.word ?? "not in it");
  return el("span", { class: "strip", role: "img", "aria-label": `Over the runs: ${words.join(", ")}`, title: words.join(", ") }, runs.slice(-12).map((run) => {
    const result = run.byCase.get(of.number);
    return el("span", { class: `${result ? (isBad(result) ? "bad" : result.outcome.tone) : "none"}${run === current() ? " now" : ""}`, "aria-hidden": "true" }, result ? (isBad(result) ? "✗" : result.outcome.mark) : "·");
  }));
};

// A case in each run, as links.
const historyOf = (of) => el("ol", { class: "over-runs" }, runs.map((run) => {
  const result = run.byCase.get(of.number);
  return el("li", { "aria-current": run === current() ? "true" : null },
    el("a", { href: address({ run: String(run.number + 1), case: of.id, at: null }) }, runName(run)), " ",
    el("span", { class: "note" }, run.head.started_ms ? moment(run.head.started_ms) : ""), " ",
    result ? badge(result.outcome) : el("span", { class: "note" }, "not in it"), " ",
    result && result.outcome.key !== "skipped" && el("span", { class: "took" }, time(result.us)),
    result?.reason && el("span", { class: "reason" }, result.reason));
}));

const historySection = () => {
  if (runs.length < 2) return null;
  const changing = cases.map((of) => ({ of, changes: changesOf(of) })).filter(({ changes }) => changes > 0)
    .sort((a, b) => b.changes - a.changes || a.of.number - b.of.number);
  return section("history", "History", runTable(), el("h3", {}, "Cases whose outcome changed"),
    changing.length === 0 ? el("p", { class: "empty" }, "None: every case had the same outcome in each run that has it.")
      : el("ol", { class: "changing" }, changing.slice(0, 30).map(({ of, changes }) => el("li", {}, strip(of),
          el("a", { class: "case-link", href: address({ case: of.id, at: null }) }, nameOf(of)), el("span", { class: "note" }, counted(changes, "change"))))),
    changing.length > 30 && el("p", { class: "note" }, `and ${counted(changing.length - 30, "more case")}`));
};

const changesOf = (of) => {
  const outcomes = runs.map((run) => run.byCase.get(of.number)).filter(Boolean).map((result) => (isBad(result) ? "bad" : result.outcome.key));
  return outcomes.slice(1).filter((outcome, i) => outcome !== outcomes[i]).length;
};

const runTable = () => {
  const head = ["Run", "Began", "Mode", "Setup", "Revision", "Outcomes", "Took"];
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Runs" }, el("table", { class: "figures" },
    el("thead", {}, el("tr", {}, head.map((words) => el("th", { scope: "col" }, words)))),
    el("tbody", {}, runs.map((run) => el("tr", { "aria-current": run === current() ? "true" : null },
      el("th", { scope: "row" }, el("a", { href: address({ run: String(run.number + 1), base: null, case: null, at: null }) }, runName(run)), run === current() && el("span", { class: "tag" }, "shown"), run === base() && el("span", { class: "tag" }, "compared with")),
      el("td", {}, run.head.started_ms ? moment(run.head.started_ms) : ""), el("td", {}, run.head.mode), el("td", {}, run.head.setups.join(", ")),
      el("td", {}, proofOf(run)?.revision?.slice(0, 12) ?? ""), el("td", {}, outcomeWords(run)), el("td", { class: "took" }, run.end.us === undefined ? "no end" : time(run.end.us)))))));
};

const outcomeWords = (run) => {
  const counts = countsOf(run.results);
  return SHOWN.filter((key) => counts[key] > 0).map((key) => `${outcomeOf(key).mark} ${whole(counts[key])} ${outcomeOf(key).word}`).join(", ") || "no case has run";
};
