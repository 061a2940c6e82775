// The official `openai` SDK for Node: each line on stdout is what it made of one answer.
import OpenAI from "openai";

const model = "smollm2-135m-instruct";
const client = new OpenAI({ maxRetries: 0 }); // the base URL and the key come from the environment
const show = (name, value) => console.log(name, JSON.stringify(value));
const ask = (content, more = {}) =>
  client.chat.completions.create({ model, messages: [{ role: "user", content }], max_tokens: 24, ...more });
const all = async (stream) => {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
};
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

show("models", (await client.models.list()).data);
show("chat", await ask("Which planet do humans live on?"));
show("chat stream", await all(ask("Name the star of our system.", { stream: true })));
show("tools", await ask("What is the weather in Paris?", { tools, tool_choice: "required" }));
show("tools stream", await all(ask("What is the weather in Paris?", { tools, tool_choice: "required", stream: true })));
show("embeddings", await client.embeddings.create({ model, input: "one" }));
show("response stream", await all(client.responses.create({ model, input: "Say hello.", max_output_tokens: 8, stream: true })));
try {
  await client.chat.completions.create({ model, messages: "not a list" });
} catch (error) {
  show("error", [error.constructor.name, error.status, error.error]);
}
