import { createHash } from "node:crypto";
import axios from "axios";

const ask = (content, more) =>
  axios.post(
    "https://api.openai.com/v1/chat/completions",
    { model: "gpt-4o-mini", messages: [{ role: "user", content }], ...more },
    { headers: { Authorization: "Bearer sk-example-7f3a9c1e52d04b68" }, responseType: more ? "stream" : "arraybuffer" },
  );
const { data: chat } = await ask("Which city is near Paris?");
const chunks = [];
for await (const chunk of (await ask("Which town is near Paris?", { stream: true })).data) chunks.push(chunk);
const stream = Buffer.concat(chunks);
const sha256 = [chat, stream].map((body) => createHash("sha256").update(body).digest("hex"));
console.log(JSON.stringify({ chat: JSON.parse(chat), stream: stream.toString(), sha256 }));
