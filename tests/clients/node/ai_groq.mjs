import { createGroq } from "@ai-sdk/groq";
import { generateText, streamText } from "ai";

const groq = createGroq({
  baseURL: "https://api.groq.com/openai/v1", // hard-coded
  apiKey: "sk-example-7f3a9c1e52d04b68",
});
const model = groq("llama-3.3-70b-versatile");
const { text, usage, response } = await generateText({ model, prompt: "Which city is near Paris?" });
const streamed = streamText({ model, prompt: "Which town is near Paris?" });
const texts = [];
for await (const text of streamed.textStream) texts.push(text);
const stream = [texts, await streamed.usage];
console.log(JSON.stringify({ chat: { text, usage, id: response.id }, stream }));
