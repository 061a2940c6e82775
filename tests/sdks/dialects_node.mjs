// What the official SDKs for Node make of replies: see dialects_python.py, which does the same.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const settings = { apiKey: "none", maxRetries: 0, timeout: 20000 };
const version = (name) => {
  const entry = createRequire(import.meta.url).resolve(name);
  const folder = entry.slice(0, entry.indexOf(`node_modules/${name}/`) + `node_modules/${name}/`.length);
  return JSON.parse(readFileSync(`${folder}package.json`, "utf8")).version;
};
const keep = (had, more) => {
  for (const [name, value] of Object.entries(more)) if (value != null) had[name] = value;
};
const named = (reply) => ({ id: reply.id, model: reply.model, tokens: reply.usage?.total_tokens });
const called = (call) => ({ id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) });

// A whole reply, as its user reads it.
const chat = (reply) => {
  const choice = reply.choices[0];
  const calls = (choice.message.tool_calls ?? []).map(called);
  return { ...named(reply), text: choice.message.content, calls, finish: choice.finish_reason };
};
const completion = (reply) => ({
  ...named(reply),
  text: reply.choices[0].text,
  finish: reply.choices[0].finish_reason,
});
const response = (reply) => ({ ...named(reply), text: reply.output_text, finish: reply.status });
const message = (reply) => ({
  id: reply.id,
  model: reply.model,
  text: reply.content[0].text,
  finish: reply.stop_reason,
  tokens: reply.usage.input_tokens + reply.usage.output_tokens,
});

// The events of a stream, put together as the guides show it.
const chatLoop = async (stream) => {
  const had = { text: "" };
  const calls = {};
  for await (const chunk of stream) {
    keep(had, named(chunk));
    for (const choice of chunk.choices) {
      had.text += choice.delta.content ?? "";
      keep(had, { finish: choice.finish_reason });
      for (const piece of choice.delta.tool_calls ?? []) {
        if (calls[piece.index]) calls[piece.index].function.arguments += piece.function.arguments;
        else calls[piece.index] = piece;
      }
    }
  }
  return { ...had, calls: Object.values(calls).map(called) };
};
const completionLoop = async (stream) => {
  const had = { text: "" };
  for await (const chunk of stream) {
    keep(had, named(chunk));
    for (const choice of chunk.choices) {
      had.text += choice.text;
      keep(had, { finish: choice.finish_reason });
    }
  }
  return had;
};
const responseLoop = async (stream) => {
  const had = { text: "" };
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") had.text += event.delta;
    if (event.type === "response.created" || event.type === "response.completed")
      keep(had, { id: event.response.id, model: event.response.model, finish: event.response.status });
  }
  return had;
};
const messageLoop = async (stream) => {
  const had = { text: "" };
  for await (const event of stream) {
    if (event.type === "message_start") keep(had, { id: event.message.id, model: event.message.model });
    if (event.type === "content_block_delta") had.text += event.delta.text;
    if (event.type === "message_delta") keep(had, { finish: event.delta.stop_reason });
  }
  return had;
};

const vectors = (by) => (reply) => {
  const data = by === "index" ? [...reply.data].sort((a, b) => a.index - b.index) : reply.data;
  return { ...named(reply), vectors: data.map((item) => item.embedding) };
};

// Way → what asks and reads.
const ways = ({ path, body, base }) => {
  const client =
    path === "/v1/messages"
      ? new Anthropic({ baseURL: base, ...settings })
      : new OpenAI({ baseURL: `${base}/v1`, ...settings });
  const { stream, ...whole } = body;
  if (path === "/v1/models") {
    return {
      list: async () => {
        const models = [];
        for await (const model of client.models.list()) models.push(model.id);
        return { models };
      },
    };
  }
  if (path === "/v1/embeddings") {
    const by = (which) => async () => vectors(which)(await client.embeddings.create(body));
    return { "by position": by("position"), "by index": by("index") };
  }
  const [api, read, loop, final] = {
    "/v1/chat/completions": [client.chat?.completions, chat, chatLoop, "finalChatCompletion"],
    "/v1/completions": [client.completions, completion, completionLoop, null],
    "/v1/responses": [client.responses, response, responseLoop, "finalResponse"],
    "/v1/messages": [client.messages, message, messageLoop, "finalMessage"],
  }[path];
  if (!stream) return { create: async () => read(await api.create(body)) };
  const found = { loop: async () => loop(await api.create(body)) };
  if (final) found["stream()"] = async () => read(await api.stream(whole)[final]());
  return found;
};

const outcome = async (way) => {
  try {
    return await way();
  } catch (error) {
    const bySdk = /node_modules\/(openai|@anthropic-ai)\//.test(error.stack ?? "");
    return { raised: error.constructor.name, message: String(error.message).slice(0, 200), by: bySdk ? "SDK" : "user" };
  }
};

console.error = () => {}; // the SDK tells of bad events there
console.log(JSON.stringify({ openai: version("openai"), anthropic: version("@anthropic-ai/sdk") }));
for (const asked of JSON.parse(readFileSync(0, "utf8"))) {
  const found = {};
  for (const [name, way] of Object.entries(ways(asked))) found[name] = await outcome(way);
  console.log(JSON.stringify(found));
}
