import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  baseURL: "https://api.anthropic.com", // hard-coded
  apiKey: "sk-example-7f3a9c1e52d04b68",
});
const question = (content) => ({ model: "claude-haiku-5-5", max_tokens: 64, messages: [{ role: "user", content }] });
const chat = await client.messages.create(question("Which city is near Paris?"));
const texts = [];
const stream = client.messages.stream(question("Which town is near Paris?")).on("text", (text) => texts.push(text));
const last = await stream.finalMessage();
console.log(JSON.stringify({ chat, stream: [texts, last] }));
