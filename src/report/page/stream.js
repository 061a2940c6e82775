// A stream as a timeline: when its first piece came, how large each was, the longest wait, the end.

const gapsOf = (pieces) => pieces.slice(1).map(([at], i) => ({ from: pieces[i][0], us: at - pieces[i][0] }));
const longestGap = (pieces) => gapsOf(pieces).reduce((most, gap) => (gap.us > most.us ? gap : most), { from: 0, us: 0 });
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? 0;

const recordedWords = (call) => {
  if (!call.recording) return "as measured in this run";
  const origin = { real: "recorded from the provider", simulated: "of a simulated recording", edited: "of a recording edited by hand" };
  return `times ${origin[call.recording.origin]}${call.recording.when ? " on " + day(call.recording.when) : ""}`;
};

const streamWords = (call) => {
  const { count, pieces } = call.stream;
  const gap = longestGap(pieces);
  const total = pieces.reduce((sum, [, bytes]) => sum + bytes, 0);
  const isJoined = count > pieces.length;
  return [
    `first piece after ${time(pieces[0][0])}`,
    `${counted(count, "piece")}, ${size(total)}${isJoined ? "" : `, half of them up to ${size(median(pieces.map(([, bytes]) => bytes)))}`}`,
    gap.us > 0 && `longest gap ${time(gap.us)}, from ${time(gap.from)} on`,
    call.last !== null && call.last !== undefined && `whole after ${time(call.last)}`,
    call.finish ? `finish: ${call.finish}` : "no finish reason",
    call.more > 0 && `${counted(call.more, "later piece")} not shown`,
  ].filter(Boolean);
};

const timeline = (call) => {
  const { pieces } = call.stream;
  const end = Math.max(call.last ?? 0, pieces[pieces.length - 1][0], 1);
  const x = (us) => (us / end) * 1000;
  const most = Math.max(...pieces.map(([, bytes]) => bytes), 1);
  const gap = longestGap(pieces);
  const words = streamWords(call);
  // Bars narrower than a pixel or two could not be seen on a phone.
  const bars = pieces.map(([at, bytes]) => {
    const height = 6 + 38 * Math.sqrt(bytes / most);
    return svg("rect", { class: "piece", x: Math.min(x(at), 996), y: 50 - height, width: 4, height });
  });
  const picture = svg("svg", { viewBox: "0 0 1000 52", preserveAspectRatio: "none", role: "img", "aria-label": words.join("; ") },
    svg("rect", { class: "wait", x: 0, y: 46, width: x(pieces[0][0]), height: 4 }),
    gap.us > end * 0.02 ? svg("rect", { class: "gap", x: x(gap.from), y: 2, width: x(gap.us), height: 48 }) : [],
    svg("rect", { class: "ground", x: x(pieces[0][0]), y: 49, width: 1000 - x(pieces[0][0]), height: 1 }),
    bars,
    svg("rect", { class: "end", x: 997, y: 0, width: 3, height: 50 }));
  return el("figure", { class: "stream" }, picture,
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", {}, "0"), el("span", {}, time(end / 2)), el("span", {}, time(end))),
    el("figcaption", {}, el("span", {}, words.join(" · ")), el("span", { class: "tag" }, recordedWords(call))));
};

// A call in a line, and its timeline if it is a stream.
const callFigure = (call) => {
  const tokens = [call.input !== null && call.input !== undefined && `${whole(call.input)} tokens in`, call.output !== null && call.output !== undefined && `${whole(call.output)} out`].filter(Boolean);
  const facts = [
    call.model,
    !call.stream && call.first !== null && call.first !== undefined && `first byte after ${time(call.first)}`,
    !call.stream && call.last !== null && call.last !== undefined && `whole after ${time(call.last)}`,
    !call.stream && call.finish && `finish: ${call.finish}`,
    tokens.join(", "),
    call.dollars !== null && call.dollars !== undefined && money(call.dollars),
    call.bare > 0 && `${counted(call.bare, "piece")} (the page has no room for their timeline)`,
  ].filter(Boolean);
  return el("li", { class: "call" },
    el("p", { class: "call-title" }, el("code", {}, `${call.method} ${call.endpoint}`), " ", call.provider && el("span", { class: "tag" }, call.provider), " ",
      el("span", { class: call.status && call.status < 400 ? "tag" : "tag bad" }, call.status ?? "no reply"),
      call.part !== "call" && el("span", { class: "tag" }, call.part),
      call.step && el("span", { class: "tag" }, call.step),
      call.attempt > 0 && el("span", { class: "tag" }, `attempt ${call.attempt + 1}`)),
    facts.length > 0 && el("p", { class: "note" }, facts.join(" · "), !call.stream && call.last !== undefined && call.last !== null && " · " + recordedWords(call)),
    call.stream && timeline(call));
};
