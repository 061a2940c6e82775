// Puts the parts together, and follows the address.

const main = document.getElementById("main");

const header = () => {
  const run = current();
  const kept = proofOf(run);
  const [tone, mark, word] = run.verdict;
  const counts = countsOf(run.results);
  const links = SHOWN.filter((key) => counts[key] > 0).map((key) => {
    const { mark: sign, word: words, tone: of } = outcomeOf(key);
    return el("li", {}, el("a", { class: `count ${of}`, href: onlyCases({ status: key }) }, el("b", {}, whole(counts[key])), " ", el("span", { class: "mark", "aria-hidden": "true" }, sign), " ", words));
  });
  const facts = [
    run.head.mode, run.head.setups.join(", "), run.head.stack, run.head.shard && `shard ${run.head.shard}`,
    run.head.started_ms ? moment(run.head.started_ms) : "", run.end.us === undefined ? "" : `took ${time(run.end.us)}`,
    kept?.revision && `revision ${kept.revision.replace(/^([0-9a-f]{10})[0-9a-f]+/, "$1")}`, kept && (kept.network ? `${counted(kept.network, "network request")}` : "no network"),
    run.reruns > 0 && counted(run.reruns, "rerun"),
    run.deselected > 0 && `${whole(run.deselected)} deselected`,
  ].filter(Boolean);
  const warning = [run.end.broken && "The run has no end: what follows is what had happened until then.", run.end.interrupted,
    run.notRun > 0 && `${counted(run.notRun, "case")} did not run.`,
    run.left > 0 && `${counted(run.left, "case")} of this run ${run.left === 1 ? "is" : "are"} not on the page, and not in its counts.`].filter(Boolean);
  const cut = raw.cut.length > 0 && `This page would be larger than 8 MB. It is without ${raw.cut.join("; without ")}. The events that it was made of have them.`;
  return [
    el("div", { class: "top" }, el("h1", {}, "retake"), runs.length > 1 && pickers()),
    el("p", { class: `verdict ${tone}` }, el("span", { class: "mark", "aria-hidden": "true" }, mark), " ", el("strong", {}, word)),
    el("ul", { class: "counts", "aria-label": "Outcomes" }, links),
    shares(SHOWN.filter((key) => counts[key] > 0).map((key) => [outcomeOf(key).key, outcomeOf(key).word, counts[key]]), Math.max(sum(Object.values(counts)), 1)),
    el("ul", { class: "facts" }, facts.map((fact) => el("li", {}, fact))),
    warning.length > 0 && el("p", { class: "warning" }, warning.join(" ")),
    cut && el("p", { class: "note cut" }, cut),
  ].filter(Boolean);
};

const pickers = () => {
  const option = (run, isChosen) => el("option", { value: String(run.number + 1), selected: isChosen }, [runName(run), run.head.started_ms ? moment(run.head.started_ms) : "", ...run.head.setups].filter(Boolean).join(", "));
  const pick = (key, title, options) => el("div", { class: "field" }, el("label", { for: `pick-${key}` }, title),
    el("select", { id: `pick-${key}`, onchange: (event) => goTo(address({ [key]: event.target.value, case: null, at: null }), `pick-${key}`) }, options));
  return el("div", { class: "pickers" },
    pick("run", "Run", runs.map((run) => option(run, run === current()))),
    pick("base", "Compared with", [el("option", { value: "none", selected: !base() }, "none"), ...runs.filter((run) => run !== current()).map((run) => option(run, run === base()))]));
};

const SECTIONS = [["matrix", "What works"], ["sides", "Side by side"], ["failures", "Failures"], ["cases", "Cases"], ["timing", "Timing"], ["proof", "Proof"], ["history", "History"]];

const navigation = () => {
  const bad = current().results.filter(isBad).length;
  const count = { failures: bad, cases: current().results.length };
  return SECTIONS.filter(([id]) => document.getElementById(id)).map(([id, title]) =>
    el("a", { href: address({ at: id, case: null }) }, title, count[id] !== undefined && el("span", { class: "number" }, whole(count[id]))));
};

const renderCases = () => {
  document.getElementById("cases").replaceWith(casesSection());
  list();
};

const render = () => {
  document.getElementById("head").replaceChildren(...header());
  main.replaceChildren(...[matrix(), sides(), failures(), casesSection(), timing(), proof(), historySection()].filter(Boolean));
  const nav = document.getElementById("nav");
  nav.hidden = false;
  nav.replaceChildren(...navigation());
  list();
};

// What has to be made anew for each member of the address.
const follow = () => {
  const before = state;
  state = read();
  const differs = (keys) => keys.some((key) => before[key] !== state[key]);
  if (differs(["run", "base"])) render();
  else {
    if (differs(["rows"])) document.getElementById("matrix").replaceWith(matrix());
    if (differs(["left", "right", "sides"])) document.getElementById("sides")?.replaceWith(sides());
    if (differs([...FILTERS, "sort"])) renderCases();
    document.getElementById("nav").replaceChildren(...navigation());
  }
  showCase();
  scroll();
};

// Goes to a section once; the address then forgets it, so that a later change does not go there again.
const scroll = () => {
  const to = state.at && document.getElementById(state.at);
  if (!state.at) return;
  history.replaceState(null, "", address({ at: null }));
  state = read();
  to?.scrollIntoView();
  to?.querySelector("h2")?.focus({ preventScroll: true });
};

const goTo = (hash, focus) => {
  history.pushState(null, "", hash === "#" ? location.pathname + location.search : hash);
  follow();
  if (focus) document.getElementById(focus)?.focus();
};

// Links to this page are followed here, also where the address is the same as before.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href="#"], a[href^="#"][href*="="]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const of = link.classList.contains("toggle") && link.closest("section")?.id;
  goTo(link.getAttribute("href"));
  if (of) document.querySelector(`#${of} .toggle`)?.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  // A toggle is a link that says it is a button: both keys of buttons press it.
  if (event.key === " " && event.target.matches?.('a[role="button"]')) {
    event.preventDefault();
    event.target.click();
  }
  if (isTyping) return;
  if (event.key === "/" && !sheet.open) {
    event.preventDefault();
    document.getElementById("search").focus();
  }
  if (sheet.open && (event.key === "j" || event.key === "k")) sheet.querySelector(`[data-step="${event.key}"]`)?.click();
});

window.addEventListener("popstate", follow);

if (runs.length > 0) {
  render();
  showCase();
  scroll();
} else {
  main.append(el("p", { class: "empty" }, "There are no runs."));
}
