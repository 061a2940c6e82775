// One case with everything that is known of it, over the page.

const sheet = document.getElementById("sheet");

const showCase = () => {
  const of = state.case ? byId.get(state.case) : null;
  if (!state.case) {
    if (sheet.open) sheet.close();
    return;
  }
  const result = of && current().byCase.get(of.number);
  sheet.replaceChildren(...(result ? caseSheet(result) : missingCase(state.case, of)));
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  document.getElementById("sheet-title").focus();
};

// Closing by any way takes the case out of the address.
sheet.addEventListener("close", () => {
  if (state.case) goTo(address({ case: null, at: null }));
});
// A click beside the sheet closes it.
sheet.addEventListener("click", (event) => {
  if (event.target === sheet) sheet.close();
});

const closeButton = () => el("button", { type: "button", class: "quiet", onclick: () => sheet.close() }, "Close");
const missingCase = (id, of) => [
  el("div", { class: "sheet-bar" }, closeButton()),
  el("h2", { id: "sheet-title", tabindex: "-1" }, of ? "This run has no result of the case" : "No such case here"),
  el("p", {}, id),
  of && historyOf(of),
].filter(Boolean);

const neighbours = (result) => {
  const at = listed.indexOf(result);
  return at < 0 ? [null, null] : [listed[at - 1] ?? null, listed[at + 1] ?? null];
};

const step = (to, words, key) =>
  to ? el("a", { class: "quiet button", href: address({ case: to.case.id, at: null }), "data-step": key, "aria-keyshortcuts": key }, words)
    : el("button", { type: "button", class: "quiet", disabled: true }, words);

const part = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);

const caseSheet = (result) => {
  const { case: of } = result;
  const [before, after] = neighbours(result);
  const details = detailsOf(result.details);
  return [
    el("div", { class: "sheet-bar" }, badge(result.outcome), step(before, "‹ Previous", "k"), step(after, "Next ›", "j"), closeButton()),
    el("h2", { id: "sheet-title", tabindex: "-1", class: "id" }, nameOf(of)),
    result.reason && (!details?.class || details.brief) && el("p", { class: "message" }, result.reason),
    result.outcome.key === "xfailed" && el("p", { class: "message" }, `Expected: ${result.reason}`),
    details?.class && part("What failed", el("p", {}, el("span", { class: "tag" }, details.class)), explanation(details, { isShort: false })),
    result.torn !== null && part("The teardown failed", explanation(detailsOf(result.torn), { isShort: false })),
    commands(details, result),
    result.findings.length > 0 && part("Rules of the API that a reply broke", findingList(result.findings)),
    result.kept.length > 0 && part("Declared deviations that did not show", el("ul", {}, result.kept.map((rule) => el("li", {}, el("code", {}, rule))))),
    ...exchanges(details),
    ...(result.torn !== null ? exchanges(detailsOf(result.torn)) : []),
    result.calls.length > 0 && part("Calls", el("ol", { class: "calls" }, result.calls.map((number) => callFigure(callOf(number))))),
    recordingsOf(result),
    details?.printed && part("The stack printed", el("pre", { class: "lines" }, details.printed)),
    part("The case", caseFacts(result)),
    runs.length > 1 && part("Over the runs", historyOf(of)),
  ].filter(Boolean);
};

const commands = (details, result) => {
  if (!details?.rerun && !details?.record) return null;
  return part("Run it again",
    details.record && command(withId(details.record[1], result.case.id), details.record[0]),
    details.rerun && command(withId(text(details.rerun), result.case.id), "rerun"));
};

const findingList = (findings) =>
  el("ul", { class: "findings" }, findings.map(({ rule, actual, known }) =>
    el("li", {}, el("code", {}, rule), ` ${actual} `, known === null ? el("span", { class: "tag odd" }, "not declared") : [el("span", { class: "tag" }, "declared"), ` ${known}`])));

const exchanges = (details) => (details?.exchanges ?? []).map((exchange) => {
  const body = exchange.asked ?? "";
  const curl = exchange.curl?.replace("\u0001", () => body);
  const [before, events] = exchange.events ?? [0, []];
  return part("Request and reply",
    el("p", { class: "call-title" }, el("code", {}, `${text(exchange.method)} ${text(exchange.endpoint)}`),
      exchange.step !== undefined && el("span", { class: "tag" }, text(exchange.step))),
    body && el("details", {}, el("summary", {}, `Request body (${size(new Blob([body]).size)})`), el("pre", { class: "lines" }, pretty(body))),
    exchange.start && command(text(exchange.start), "start the server"),
    curl ? command(curl, "curl") : exchange.asked && el("p", { class: "note" }, "The request is too long for a curl line here; the terminal’s report has it."),
    exchange.reply ? el("p", { class: "reply" }, el("span", { class: exchange.status < 400 ? "tag" : "tag bad" }, "reply"), " ", exchange.reply)
      : el("p", { class: "reply" }, el("span", { class: "tag bad" }, "no reply")),
    exchange.came !== undefined && el("pre", { class: "lines" }, pretty(exchange.came)),
    exchange.came === undefined && events.length > 0 && el("div", {}, before > 0 && el("p", { class: "note" }, `${counted(before, "event")} before these`),
      el("ol", { class: "events" }, events.map(([at, data]) => el("li", {}, el("span", { class: "at" }, at === null ? "" : time(at)), el("code", {}, data))))),
    replyNote(exchange));
});

const replyNote = (exchange) => {
  const kept = recordingOf(exchange.recording);
  const notes = [
    exchange.first !== undefined && `first byte after ${time(exchange.first)}`,
    exchange.last !== undefined && `whole after ${time(exchange.last)}`,
    exchange.tokens && `${whole(exchange.tokens[0])} tokens in, ${whole(exchange.tokens[1])} out`,
    kept && recordingWords(kept),
  ].filter(Boolean);
  return notes.length > 0 && el("p", { class: "note" }, notes.join(" · "));
};

const recordingWords = (kept) => {
  const when = kept.when ? `, ${day(kept.when)}, ${age(current().head.started_ms - kept.when)}` : "";
  return `${kept.origin} recording${kept.file ? " " + kept.file : " of this run"}${when}`;
};

// Files by name; what is known of their replies stands beside them.
const recordingsOf = (result) => {
  if (result.used.length + result.written.length === 0) return null;
  const known = new Map(result.calls.map(callOf).map((call) => [call.recording?.file, call.recording]));
  const row = (file, words) => {
    const kept = known.get(file);
    return el("li", {}, el("code", {}, file), " ", el("span", { class: "tag" }, words),
      kept && el("span", { class: "note" }, ` ${kept.origin}${kept.when ? `, ${day(kept.when)}, ${age(current().head.started_ms - kept.when)}` : ""}`));
  };
  return part("Recordings", el("ul", { class: "files" }, result.used.map((file) => row(file, "replayed")), result.written.map((file) => row(file, "recorded"))));
};

const caseFacts = (result) => {
  const { case: of } = result;
  const parameters = [];
  for (let i = 0; i < of.parameters.length; i += 2) parameters.push(`${of.parameters[i]}: ${of.parameters[i + 1]}`);
  const facts = [
    [of.line ? "suite" : "file", of.suite && `${of.suite}${of.line ? ":" + of.line : ""}`],
    ["setup", of.setup],
    ["provider", of.provider],
    ["model", of.model],
    ["client", of.client],
    ["parameters", parameters.join(", ")],
    ["needs", of.capabilities.join(", ")],
    ["took", result.outcome.key === "skipped" || result.outcome.key === "gone" ? "" : time(result.us)],
    ["tries", result.rate && `${result.rate[0]} of ${result.rate[1]} passed`],
    ["reruns", result.reruns > 0 && String(result.reruns)],
  ].filter(([, value]) => value);
  return el("dl", { class: "facts" }, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
};
