import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";

const openai = createOpenAI({
  baseURL: "https://api.openai.com/v1", // hard-coded
  apiKey: "sk-example-7f3a9c1e52d04b68",
});
const model = openai("gpt-4o-mini");
const { text, usage, response } = await generateText({ model, prompt: "Which city is near Paris?" });
const streamed = streamText({ model, prompt: "Which town is near Paris?" });
const texts = [];
for await (const text of streamed.textStream) texts.push(text);
const stream = [texts, await streamed.usage];
console.log(JSON.stringify({ chat: { text, usage, id: response.id }, stream }));
