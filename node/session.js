// Each test as a session of its own, for the set-up files of test runners. Without a proxy (RETAKE_PROXY_URL is not set)
// nothing here does anything.
"use strict";

const channel = require("node:diagnostics_channel");
const http = require("node:http");
const https = require("node:https");
const { syncBuiltinESMExports } = require("node:module");
const path = require("node:path");
const { threadId } = require("node:worker_threads");

const HEADER = "x-retake-session";
// Node itself tells of requests of node:http before it sends their headers, from 22.12 on.
const [major, minor] = process.versions.node.split(".").map(Number);
const TELLS = major > 22 || (major === 22 && minor >= 12);

/** Whether a host is one of these, which may have `*` for any text. */
function fits(host, patterns) {
  const escaped = (text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return patterns.some((pattern) => new RegExp(`^${escaped(pattern)}$`, "i").test(host));
}

/** The path of a test file, the same on every machine. */
function relative(file) {
  const short = path.relative(process.cwd(), file);
  return (path.isAbsolute(short) ? path.basename(file) : short).split(path.sep).join("/");
}

/** An error that is told as it stands: a stack would lead to this file. */
function told(message) {
  const error = new Error(`retake: ${message}`);
  error.stack = error.message;
  return error;
}

/** One process of a test runner, with its proxy. */
class Process {
  constructor() {
    const url = (process.env.RETAKE_PROXY_URL || "").replace(/\/$/, "");
    this.url = url ? new URL(url) : null;
    this.name = `~node-${process.pid}-${threadId}`;
    this.mode = null;
    this.hosts = [];
    this.file = null;
    this.test = null;
    this.blocked = [];
    this.stop = () => {};
  }

  /** Sends a request to the proxy itself, past any network proxy, and returns the JSON of its reply. */
  async ask(method, route, body) {
    const headers = { "content-type": "application/json" };
    if (process.env.RETAKE_TOKEN) headers["x-retake-token"] = process.env.RETAKE_TOKEN;
    const sent = { host: this.url.hostname, port: this.url.port || 80, method, path: route, headers, agent: false };
    const reply = await new Promise((resolve, reject) => {
      const request = http.request({ ...sent, createConnection: undefined }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece) => (text += piece));
        response.on("end", () => resolve({ status: response.statusCode, text }));
        response.on("error", reject);
      });
      request.on("error", reject);
      request.end(JSON.stringify(body ?? {}));
    }).catch((error) => {
      throw told(`the proxy at ${this.url.origin} (RETAKE_PROXY_URL) does not answer: ${error.message}`);
    });
    let json;
    try {
      json = JSON.parse(reply.text);
    } catch {
      throw told(`${this.url.origin} (RETAKE_PROXY_URL) is no retake: it answers ${method} ${route} without JSON`);
    }
    if (reply.status >= 300) {
      throw Object.assign(told(json.error?.message ?? `${method} ${route}: ${reply.status}`), { status: reply.status });
    }
    return json;
  }

  /** Asks the proxy for its mode and its hosts. */
  async look() {
    if (!this.url || this.mode) return;
    const state = await this.ask("GET", "/health");
    if (state.name !== "retake") throw told(`at ${this.url.origin} (RETAKE_PROXY_URL) is another server`);
    [this.mode, this.hosts] = [state.mode, state.hosts ?? []];
  }

  /** Begins the session of a test file: what it asks outside of its tests is its own. */
  async beginFile(file) {
    if (!this.url) return;
    await this.look();
    this.stop = this.mark();
    this.file = file;
    await this.begin(file, { for: this.name });
  }

  async begin(session, body) {
    try {
      await this.ask("POST", route(session), body);
    } catch (error) {
      if (error.status !== 409 || !(await this.isLeftOpen(session))) throw error;
      await this.ask("POST", `${route(session)}/finish`, { outcome: "failed", again: true });
      await this.ask("POST", route(session), body);
    }
  }

  /** Whether a session is that of a process that is no more. */
  async isLeftOpen(session) {
    const other = await this.ask("GET", route(session)).catch(() => ({}));
    const pid = /^~node-(\d+)-/.exec(other.for ?? "")?.[1];
    if (!pid || !["127.0.0.1", "localhost", "[::1]"].includes(this.url.hostname)) return false;
    // A thread of this process that ended without a word, or another one that still runs: they look the same.
    if (Number(pid) === process.pid) return false;
    try {
      process.kill(Number(pid), 0);
      return false;
    } catch (error) {
      return error.code === "ESRCH";
    }
  }

  /** Begins the session of a test, of another file than the one that began if several run in one process. */
  async beginTest(name, file = this.file) {
    if (!this.url) return;
    const session = `${file}::${name}`;
    await this.begin(session, { for: this.name, within: this.file });
    this.test = session;
  }

  /** Begins the running test's session anew, with faults or hosts of its own. */
  async again({ faults, allowHosts }) {
    if (!this.url) return;
    if (!this.test) throw told("retake() belongs into a test");
    await this.ask("POST", `${route(this.test)}/finish`, { outcome: "failed", again: true });
    const body = { for: this.name, within: this.file, faults, allow_hosts: allowHosts };
    await this.ask("POST", route(this.test), body);
  }

  /** Ends the session of the running test. `passed` is unknown if it is undefined; `error` is why it failed. */
  async endTest(passed, error) {
    const session = this.test;
    this.test = null;
    if (session) await this.end(session, passed, error);
  }

  /** Ends the session of the test file. */
  async endFile() {
    const file = this.file;
    this.file = null;
    this.stop();
    if (file) await this.end(file, true, undefined, true);
  }

  async end(session, passed, error, part) {
    const { troubles, blocked } = await this.ask("GET", route(session));
    const outcome = troubles.length > 0 || passed === false ? "failed" : passed ? "passed" : undefined;
    const reason = passed === false && error ? String(error.message ?? error) : undefined;
    await this.ask("POST", `${route(session)}/finish`, outcome ? { outcome, reason, part } : {});
    if (troubles.length > 0) {
      throw told(troubles.map(({ kind, message }) => `${kind}: ${message}`).join("\n\nretake: "));
    }
    if (passed === false && blocked.length > 0) {
      throw told(`--block-network refused ${blocked.join(", ")}: retake({ allowHosts: [...] }) lets this test reach them`);
    }
  }

  /** Lets each request to a provider, or to the proxy, name this process. Returns what undoes it. */
  mark() {
    const isOurs = (host) => host === this.url.hostname || fits(host, this.hosts);
    const onFetch = ({ request }) => {
      const host = new URL(request.origin).hostname;
      const has = Array.isArray(request.headers) ? request.headers.includes(HEADER) : `${request.headers}`.includes(HEADER);
      if (isOurs(host) && !has) request.addHeader(HEADER, this.name);
    };
    const onRequest = ({ request }) => {
      const isOwn = request.path?.startsWith("/session/") || request.path === "/health";
      if (isOurs(request.host ?? "") && !isOwn && !request.hasHeader(HEADER)) request.setHeader(HEADER, this.name);
    };
    channel.subscribe("undici:request:create", onFetch);
    const undo = TELLS ? told_by(onRequest) : wrapped(onRequest);
    return () => {
      channel.unsubscribe("undici:request:create", onFetch);
      undo();
    };
  }
}

function told_by(onRequest) {
  channel.subscribe("http.client.request.created", onRequest);
  return () => channel.unsubscribe("http.client.request.created", onRequest);
}

/** Older versions of Node tell too late: there, the functions that make requests are replaced. */
function wrapped(onRequest) {
  const before = [http, https].map((module) => [module, module.request, module.get]);
  for (const [module, request] of before) {
    module.request = (...given) => {
      const made = request.apply(module, given);
      if (!made.headersSent) onRequest({ request: made });
      return made;
    };
    module.get = (...given) => {
      const made = module.request(...given);
      made.end();
      return made;
    };
  }
  syncBuiltinESMExports();
  return () => {
    for (const [module, request, get] of before) Object.assign(module, { request, get });
    syncBuiltinESMExports();
  };
}

function route(session) {
  return `/session/${encodeURIComponent(session)}`;
}

module.exports = { Process, relative };
