// What the outcomes rest on: where the replies came from, how old they are, what is declared, what was sent where.

const proof = () => {
  const run = current(), { head } = run, kept = proofOf(run);
  return section("proof", "What this run rests on",
    kept ? sentence(run, kept) : el("p", { class: "message" }, "The run has no end, so it says nothing of what it rests on."),
    kept && recordingBars(run, kept),
    kept && deviations(run, kept),
    el("h3", {}, "The run"),
    el("dl", { class: "facts" }, runFacts(run, head, kept).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    head.notes.length > 0 && el("ul", { class: "plain" }, head.notes.map((note) => el("li", {}, note))),
    run.notices.length > 0 && el("details", {}, el("summary", {}, counted(run.notices.length + run.moreNotices, "notice")),
      el("ul", { class: "plain" }, run.notices.map((notice) => el("li", {}, notice))),
      run.moreNotices > 0 && el("p", { class: "note" }, `and ${whole(run.moreNotices)} more`)));
};

const sentence = (run, kept) => {
  const used = kept.real + kept.simulated + kept.edited;
  const network = kept.network === 0 ? "No request left this machine for a provider." : `${counted(kept.network, "request")} went to providers.`;
  const from = used === 0 ? "No recording answered." : `${counted(used, "recording")} answered${kept.oldest ? `, the oldest of ${day(kept.oldest)} (${age(run.head.started_ms - kept.oldest)})` : ""}.`;
  return el("p", { class: "sentence" }, network, " ", from);
};

const ORIGINS = [["real", "real", "from a provider"], ["simulated", "simulated", "written by a script"], ["edited", "edited", "changed by hand since"]];

const recordingBars = (run, kept) => {
  const used = kept.real + kept.simulated + kept.edited;
  const tiles = [
    ["network requests", whole(kept.network), run.head.mode === "replay" && "a replay can send none"],
    ...ORIGINS.map(([key, name, note]) => [name, whole(kept[key]), note]),
    ["imported", whole(kept.imported), "files of another tool, counted beside"],
    ["unused", kept.unused === null ? "not known" : whole(kept.unused), kept.unused === null ? "a part of the cases, or a failed run, cannot tell" : "no case asked for them"],
  ];
  return el("div", {}, el("dl", { class: "tiles" }, tiles.map(([name, value, note]) => tile(name, value, note))),
    used > 0 && shares(ORIGINS.filter(([key]) => kept[key] > 0).map(([key, name]) => [key, name, kept[key]]), used),
    ages(run));
};

const shares = (parts, total) => {
  let x = 0;
  const words = parts.map(([, name, count]) => `${whole(count)} ${name}`).join(", ");
  const bars = parts.map(([key, , count]) => {
    const width = (count / total) * 1000;
    const bar = svg("rect", { class: `share ${key}`, x, y: 0, width: Math.max(width - 3, 1), height: 12 });
    x += width;
    return bar;
  });
  return el("figure", { class: "shares" }, svg("svg", { viewBox: "0 0 1000 12", preserveAspectRatio: "none", role: "img", "aria-label": `Recordings: ${words}` }, bars), el("figcaption", {}, words));
};

// Recordings that calls name, by age when the run began.
const AGES = [[1, "up to a day"], [7, "up to a week"], [30, "up to 30 days"], [90, "up to 90 days"], [365, "up to a year"], [Infinity, "older"]];

const ages = (run) => {
  const files = new Map();
  for (const result of run.results) {
    for (const number of result.calls) {
      const kept = recordingOf(raw.calls[number][13]);
      if (kept?.file) files.set(kept.file, kept.when);
    }
  }
  if (files.size === 0) return null;
  const counts = AGES.map(() => 0);
  let unknown = 0;
  for (const when of files.values()) {
    if (when === null || when === undefined) unknown += 1;
    else counts[AGES.findIndex(([days]) => (run.head.started_ms - when) / DAY <= days)] += 1;
  }
  const rows = [...AGES.map(([, words], i) => [words, counts[i]]), ["age not known", unknown]].filter(([, count]) => count > 0);
  const most = Math.max(...rows.map(([, count]) => count));
  return el("div", {}, el("h3", {}, "Recordings by age"), el("table", { class: "figures narrow" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Age at the run"), el("th", { scope: "col", class: "number" }, "Recordings"), el("th", { scope: "col" }, unseen("Share")))),
    el("tbody", {}, rows.map(([words, count]) => el("tr", {}, el("th", { scope: "row" }, words), el("td", { class: "number" }, whole(count)),
      el("td", {}, el("meter", { min: 0, max: most, value: count, "aria-hidden": "true" })))))));
};

const deviations = (run, kept) => {
  const found = new Map();
  const add = (kind, rule, provider, words, result) => {
    const key = JSON.stringify([kind, rule, kind === "new" ? words : provider]);
    if (!found.has(key)) found.set(key, { kind, rule, provider, words, cases: 0, first: result });
    found.get(key).cases += 1;
  };
  for (const result of run.results) {
    for (const { rule, actual, known } of result.findings) add(known === null ? "new" : "known", rule, result.case.provider, known ?? actual, result);
    for (const rule of result.kept) add("kept", rule, result.case.provider, "declared, but every reply kept it", result);
  }
  // Sessions of the proxy are held to no rules.
  if (found.size === 0 && !kept.protocol) return null;
  if (found.size === 0) return el("div", {}, el("h3", {}, "Rules of the API"), el("p", {}, "No reply broke one without failing its case."));
  const KIND = { new: ["not declared", "odd"], known: ["declared", ""], kept: ["declared, did not show", ""] };
  const sorted = [...found.values()].sort((a, b) => Object.keys(KIND).indexOf(a.kind) - Object.keys(KIND).indexOf(b.kind) || (a.rule < b.rule ? -1 : 1));
  return el("div", {}, el("h3", {}, "Rules of the API that replies broke"),
    el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Rules that replies broke" }, el("table", { class: "figures" },
      el("thead", {}, el("tr", {}, ["Rule", "Provider", "", "What came, or why", "Cases", "First"].map((words, i) => el("th", { scope: "col", class: i === 4 ? "number" : null }, words || unseen("Declared"))))),
      el("tbody", {}, sorted.map(({ kind, rule, provider, words, cases: count, first }) => el("tr", {},
        el("th", { scope: "row" }, el("code", {}, rule)), el("td", {}, provider),
        el("td", {}, el("span", { class: `tag ${KIND[kind][1]}` }, KIND[kind][0])), el("td", {}, words), el("td", { class: "number" }, whole(count)),
        el("td", {}, caseLink(first))))))));
};

const runFacts = (run, head, kept) => [
  ["mode", head.mode],
  ["setup", head.setups.join(", ")],
  ["stack", head.stack],
  ["protocol rules", kept?.protocol],
  ["secrets scrubbed", kept && (kept.secrets.length ? kept.secrets.join(", ") : "none declared")],
  ["git revision", kept && (kept.revision ? kept.revision + (kept.revision.endsWith("+") ? " (with changes that are not committed)" : "") : "not known")],
  ["retake", head.retake],
  ["suites", head.suites && `${head.suites} (${counted(head.files, "file")})`],
  ["shard", head.shard],
  ["cases", `${counted(run.total, "case")}, ${whole(run.deselected)} left out by the selection${run.notRun ? `, ${whole(run.notRun)} not run` : ""}`],
  ["began", head.started_ms ? moment(head.started_ms) : ""],
  ["took", run.end.us === undefined ? "" : time(run.end.us)],
  ["command", head.argv.length ? el("code", {}, head.argv.join(" ")) : ""],
].filter(([, value]) => value);
