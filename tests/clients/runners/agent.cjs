// What to wear: an agent whose provider's address stands in the code, once through fetch and once through node:https.
"use strict";
const https = require("node:https");
const { OpenAI } = require("openai");

const client = new OpenAI({
  baseURL: "https://api.openai.com/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "sk-test",
  maxRetries: 0,
});
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];

async function whatToWear(weather, question = "What should I wear today?") {
  const messages = [{ role: "user", content: question }];
  const asked = (await client.chat.completions.create({ model: "gpt-4o", messages, tools })).choices[0].message;
  messages.push(asked, { role: "tool", tool_call_id: asked.tool_calls[0].id, content: weather });
  return (await client.chat.completions.create({ model: "gpt-4o", messages, tools })).choices[0].message.content;
}

/** The same first question without an SDK. Returns the id of the tool call. */
function byHttps(question) {
  const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: question }] });
  const headers = { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` };
  return new Promise((resolve, reject) => {
    const request = https.request("https://api.openai.com/v1/chat/completions", { method: "POST", headers }, (reply) => {
      let text = "";
      reply.on("data", (piece) => (text += piece));
      reply.on("end", () => resolve(JSON.parse(text).choices[0].message.tool_calls[0].id));
    });
    request.on("error", reject);
    request.end(body);
  });
}

module.exports = { whatToWear, byHttps };
