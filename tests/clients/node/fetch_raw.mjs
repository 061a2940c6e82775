import { createHash } from "node:crypto";

const ask = async (content, more) => {
  const reply = await fetch("https://api.mistral.ai/v1/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer sk-example-7f3a9c1e52d04b68", "content-type": "application/json" },
    body: JSON.stringify({ model: "mistral-small-latest", messages: [{ role: "user", content }], ...more }),
  });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  return Buffer.from(await reply.arrayBuffer());
};
const chat = await ask("Which city is near Paris?");
const stream = await ask("Which town is near Paris?", { stream: true });
const sha256 = [chat, stream].map((body) => createHash("sha256").update(body).digest("hex"));
console.log(JSON.stringify({ chat: JSON.parse(chat), stream: stream.toString(), sha256 }));
