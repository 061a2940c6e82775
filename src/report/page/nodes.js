// Elements and words. Texts of the run only ever become text nodes.

const el = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  put(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
};
const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  put(node, attributes);
  node.append(...children.flat());
  return node;
};
const put = (node, attributes) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
};
const unseen = (words) => el("span", { class: "unseen" }, words);

const whole = (number) => number.toLocaleString("en");
const counted = (number, word, many = word + "s") => `${whole(number)} ${number === 1 ? word : many}`;
const time = (us) => {
  if (us === null || us === undefined) return "–";
  if (us < 1000) return `${us} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 60_000_000) return `${(us / 1e6).toFixed(us < 10_000_000 ? 2 : 1)} s`;
  return `${Math.floor(us / 60e6)} min ${Math.round((us % 60e6) / 1e6)} s`;
};
const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const money = (dollars) => (dollars === 0 ? "$0" : dollars < 0.01 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`);
const day = (ms) => new Date(ms).toISOString().slice(0, 10);
const moment = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ") + " UTC";
const DAY = 86_400_000;
const age = (ms) => {
  const days = Math.floor(ms / DAY);
  if (ms < 0) return "after the run began";
  if (days === 0) return "less than a day old";
  return days < 60 ? `${counted(days, "day")} old` : days < 730 ? `${Math.round(days / 30.44)} months old` : `${Math.round(days / 365.25)} years old`;
};

const badge = (outcome) =>
  el("span", { class: `badge ${outcome.tone}` }, el("span", { class: "mark", "aria-hidden": "true" }, outcome.mark), " ", outcome.word);

// A model without the name of its provider, which stands beside it.
const bare = (model, provider) => (provider && model.startsWith(provider + "/") ? model.slice(provider.length + 1) : model);

// A name that may be broken where its words end.
const breakable = (name) => name.split(/(?<=[/_:])/).flatMap((part, i) => (i === 0 ? [part] : [el("wbr"), part]));

const section = (id, title, ...children) =>
  el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title`, tabindex: "-1" }, title), ...children);

const say = (words) => {
  document.getElementById("said").textContent = words;
};

// A command with a button that copies it.
const command = (words, title) => {
  const code = el("code", {}, words);
  const copied = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(words);
      button.textContent = "Copied";
      say("Copied");
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
      say("Selected: copy it with your keyboard");
    }
    setTimeout(() => (button.textContent = "Copy"), 1600);
  };
  return el("div", { class: "command" }, title ? el("p", { class: "label" }, title) : null,
    el("pre", {}, code), el("button", { type: "button", class: "quiet", onclick: copied, "aria-label": `Copy: ${title ?? "command"}` }, "Copy"));
};

// JSON with a line for each member. Its tokens stay as they came, numbers with all their digits.
const pretty = (json) => {
  try {
    JSON.parse(json);
  } catch {
    return json;
  }
  let out = "", depth = 0, quoted = false;
  const line = () => "\n" + "  ".repeat(depth);
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (quoted) {
      out += c;
      if (c === "\\") out += json[++i];
      else if (c === '"') quoted = false;
    } else if (c === '"') {
      quoted = true;
      out += c;
    } else if (c === "{" || c === "[") {
      const closed = /^\s*[}\]]/.exec(json.slice(i + 1, i + 64));
      if (closed) {
        out += c + closed[0].trim();
        i += closed[0].length;
      } else {
        depth += 1;
        out += c + line();
      }
    } else if (c === "}" || c === "]") {
      depth -= 1;
      out += line() + c;
    } else if (c === ",") out += c + line();
    else if (c === ":") out += ": ";
    else if (!/\s/.test(c)) out += c;
  }
  return out;
};
