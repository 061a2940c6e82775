import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({
  httpOptions: { baseUrl: "https://generativelanguage.googleapis.com" }, // hard-coded
  apiKey: "sk-example-7f3a9c1e52d04b68",
});
const parsed = ({ text, responseId, usageMetadata }) => ({ text, responseId, usageMetadata });
const reply = await client.models.generateContent({ model: "gemini-2.5-flash", contents: "Which city is near Paris?" });
const stream = [];
const question = { model: "gemini-2.5-flash", contents: "Which town is near Paris?" };
for await (const chunk of await client.models.generateContentStream(question)) stream.push(parsed(chunk));
console.log(JSON.stringify({ chat: parsed(reply), stream }));
