// What failed, by what went wrong: one place in a suite that fails for ten models is one thing to look at.

const detailsOf = (number) => (number === null ? null : raw.details[number]);
const placeOf = (row) => row && { file: text(row[0]), line: row[1], column: row[2], width: row[3], text: text(row[4]) };

// Results with the same class and place belong together.
const groupOf = (result) => {
  if (!isBad(result)) return null;
  const details = detailsOf(result.torn !== null && result.outcome.tone !== "bad" ? result.torn : result.details);
  if (!details) return "given up";
  const place = placeOf(details.checks?.[0]?.[0] ?? details.step);
  const where = place ? `${place.file}:${place.line}` : (details.message ?? result.reason).split("\n")[0].slice(0, 120);
  return `${details.class} at ${where}`;
};

const MOST_GROUPS = 20;

const failures = () => {
  const groups = new Map();
  for (const result of current().results.filter(isBad)) {
    const key = groupOf(result);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(result);
  }
  if (groups.size === 0) {
    const ran = current().results.length > 0;
    return section("failures", "Failures", el("p", { class: "empty" }, ran ? "Nothing failed." : "No case has run."));
  }
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length || a[0].order - b[0].order);
  const rest = sorted.length - MOST_GROUPS;
  return section("failures", "Failures",
    groups.size > 1 && el("p", { class: "note" }, `${counted(sorted.reduce((sum, [, of]) => sum + of.length, 0), "case")} in ${counted(groups.size, "group")}: the same class at the same place, the largest first.`),
    el("ol", { class: "groups" }, sorted.slice(0, MOST_GROUPS).map(([key, of]) => el("li", {}, failureGroup(key, of)))),
    rest > 0 && el("p", {}, el("a", { href: onlyCases({ status: "failed,error,gone" }) }, `and ${counted(rest, "more group")}: all failed cases`)));
};

const MOST_OF_GROUP = 5;

const failureGroup = (key, results) => {
  const [result] = results;
  const before = base();
  const fresh = before ? results.filter((each) => isChanged(each, before)).length : 0;
  const details = detailsOf(result.torn !== null && result.outcome.tone !== "bad" ? result.torn : result.details);
  return el("article", { class: "failure" },
    el("h3", {}, badge(result.outcome.tone === "bad" ? result.outcome : outcomeOf("error")), " ",
      el("span", { class: "class" }, details?.class ?? "given up"),
      el("span", { class: "quantity" }, counted(results.length, "case")),
      fresh > 0 && el("span", { class: "tag" }, fresh === results.length ? "new" : `${fresh} new`)),
    details?.brief && el("p", { class: "message" }, result.reason),
    details ? explanation(details, { isShort: true }) : el("p", {}, "The run was stopped while it was running."),
    el("ul", { class: "of-group" }, results.slice(0, MOST_OF_GROUP).map((each) => el("li", {}, caseLink(each)))),
    results.length > MOST_OF_GROUP && el("p", {}, el("a", { href: onlyCases({ why: key, status: null }) }, `All ${whole(results.length)} cases`)),
    details?.rerun && command(withId(text(details.rerun), result.case.id), "Run it again"));
};

const withId = (words, id) => words.replace("\u0001", () => id);

const caseLink = (result) => el("a", { class: "case-link", href: address({ case: result.case.id, at: null }) }, nameOf(result.case));
const nameOf = (of) => {
  const open = of.rest.indexOf("[");
  const [name, parameters] = open < 0 ? [of.rest, ""] : [of.rest.slice(0, open), of.rest.slice(open)];
  return [of.suite && el("span", { class: "suite" }, breakable(of.suite + "::")), el("span", { class: "name" }, breakable(name)), parameters && el("span", { class: "parameters" }, parameters)];
};

// The checks that did not hold, or the message.
const explanation = (details, { isShort }) => {
  const most = isShort ? 1 : Infinity;
  const checks = details.checks ?? [];
  const hidden = Math.max(checks.length - most, 0) + (details.more ?? 0);
  const [title, ...lines] = (details.message ?? "").split("\n");
  return el("div", { class: "explanation" },
    details.tries && el("p", {}, `${details.tries[0]} of ${details.tries[1]} tries passed, at least ${details.tries[2]} must; the last failed so:`),
    details.part && details.part !== "call" && el("p", {}, el("span", { class: "tag" }, `in ${details.part}`)),
    details.message !== undefined && el("p", { class: "message" }, title),
    details.step && excerpt(placeOf(details.step)),
    lines.length > 0 && el("pre", { class: "lines" }, lines.map((line) => line.replace(/^ {2}/, "")).join("\n")),
    checks.slice(0, most).map((check) => failedCheck(check, isShort)),
    hidden > 0 && el("p", { class: "note" }, `and ${counted(hidden, "more check")} that ${hidden === 1 ? "does" : "do"} not hold`),
    details.brief && el("p", { class: "note" }, "So many cases failed that the page holds the details of the first ones only; run this one again to see all of it."));
};

const failedCheck = ([place, path, expected, actual, difference], isShort) =>
  el("div", { class: "check" }, excerpt(placeOf(place)),
    difference ? diff(difference, isShort ? 12 : Infinity)
      : el("dl", { class: "compare" },
          el("dt", {}, "path"), el("dd", {}, el("code", {}, text(path))),
          el("dt", {}, "expected"), el("dd", { class: "expected" }, el("code", {}, short(expected, isShort))),
          el("dt", {}, "actual"), el("dd", { class: "actual" }, el("code", {}, short(actual, isShort)))));

const short = (words, isShort) => (isShort && words.length > 400 ? words.slice(0, 400) + "…" : words);

const diff = (lines, most) =>
  el("div", { class: "diff" }, el("p", { class: "label" }, "− expected, + actual"),
    el("pre", {}, lines.slice(0, most).map(([mark, line]) =>
      el("span", { class: mark === "-" ? "expected" : mark === "+" ? "actual" : "same" }, `${mark === "-" ? "−" : mark} ${line}\n`)),
      lines.length > most && `… ${counted(lines.length - most, "more line")}`));

// A line of a suite with the place underlined.
const excerpt = (place) => {
  const indent = /^\s*/.exec(place.text)[0].length;
  const characters = [...place.text.slice(indent)];
  const start = Math.max(place.column - 1 - indent, 0), end = start + Math.max(place.width, 1);
  return el("figure", { class: "excerpt" }, el("figcaption", {}, `${place.file}:${place.line}:${place.column}`),
    el("pre", {}, el("span", { class: "line", "aria-hidden": "true" }, String(place.line)), el("code", {},
      characters.slice(0, start).join(""), el("mark", {}, characters.slice(start, end).join("")), characters.slice(end).join(""))));
};
