// Lets fetch, and requests by the agent of node:https, use the proxy of HTTPS_PROXY in versions of Node that have no
// setting for it. Newer ones follow NODE_USE_ENV_PROXY.
import http from "node:http";
import https from "node:https";
import tls from "node:tls";

const [major, minor] = process.versions.node.split(".").map(Number);
const proxy = process.env.HTTPS_PROXY || process.env.https_proxy;
const isOlder = major < 22 || (major === 22 && minor < 21) || major === 23;

if (isOlder && proxy) {
  const { hostname, port, username, password } = new URL(proxy);
  const login = username || password ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : null;
  const direct = (process.env.NO_PROXY || process.env.no_proxy || "")
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((name) => name.toLowerCase().replace(/^\*?\./, ""));
  const isDirect = (host) => {
    const name = host.toLowerCase().replace(/^\[|\]$/g, "");
    return direct.some((end) => end === "*" || name === end || name.endsWith(`.${end}`));
  };

  // Calls back with a socket to the host, through the proxy.
  const tunnel = (host, port, callback) => {
    const target = `${host.includes(":") ? `[${host.replace(/^\[|\]$/g, "")}]` : host}:${port}`;
    const headers = { host: target, "user-agent": `node/${process.versions.node}` };
    if (login) headers["proxy-authorization"] = `Basic ${Buffer.from(login).toString("base64")}`;
    const request = http.request({ host: proxyHost, port: port_, method: "CONNECT", path: target, headers, agent: false });
    request.once("connect", (response, socket) => {
      if (response.statusCode === 200) return callback(null, socket);
      socket.destroy();
      callback(new Error(`the proxy answers ${response.statusCode} for ${target}`));
    });
    request.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => (text += piece));
      response.on("end", () => callback(new Error(`the proxy answers ${response.statusCode} for ${target}: ${text}`)));
    });
    request.once("error", callback);
    request.end();
  };
  const proxyHost = hostname.replace(/^\[|\]$/g, "");
  const port_ = port || 80;

  const secured = (options, socket, callback) => {
    const name = options.servername || options.host || options.hostname;
    const stream = tls.connect({ ...options, socket, servername: /^[\d.]+$|:/.test(name) ? "" : name });
    const failed = (error) => callback(error);
    stream.once("error", failed);
    stream.once("secureConnect", () => {
      stream.removeListener("error", failed);
      callback(null, stream);
    });
  };

  // fetch: a dispatcher of the undici that comes with Node, which exists once something of it is used.
  void new Headers();
  const known = Symbol.for("undici.globalDispatcher.1");
  const before = globalThis[known];
  if (before) {
    const Agent = before.constructor;
    const connect = (options, callback) => {
      const { hostname, protocol, port, servername } = options;
      const isTls = protocol === "https:";
      if (isDirect(hostname)) {
        const place = { host: hostname.replace(/^\[|\]$/g, ""), port: port || (isTls ? 443 : 80) };
        if (isTls) return secured({ ...place, servername, ALPNProtocols: ["http/1.1"] }, undefined, callback);
        const socket = http.Agent.prototype.createConnection.call(http.globalAgent, place);
        const failed = (error) => callback(error);
        socket.once("error", failed);
        socket.once("connect", () => {
          socket.removeListener("error", failed);
          callback(null, socket);
        });
        return;
      }
      tunnel(hostname, port || (isTls ? 443 : 80), (error, socket) => {
        if (error || !isTls) return callback(error, socket);
        secured({ host: hostname, servername, ALPNProtocols: ["http/1.1"] }, socket, callback);
      });
    };
    globalThis[known] = new Agent({ connect });
  }

  // node:https: all agents create their connections here.
  const create = https.Agent.prototype.createConnection;
  https.Agent.prototype.createConnection = function (options, callback) {
    const host = options.host || options.hostname;
    if (options.socket || options.socketPath || !host || isDirect(host)) return create.call(this, options, callback);
    tunnel(host, options.port || 443, (error, socket) => {
      if (error) return callback(error);
      secured(options, socket, callback);
    });
  };
}
