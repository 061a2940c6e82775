import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "https://api.openai.com/v1", // hard-coded
  apiKey: "sk-example-7f3a9c1e52d04b68",
});
const ask = (content, more) =>
  client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content }], ...more });
const chat = await ask("Which city is near Paris?");
const stream = [];
for await (const chunk of await ask("Which town is near Paris?", { stream: true })) stream.push(chunk);
console.log(JSON.stringify({ chat, stream }));
