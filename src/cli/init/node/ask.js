// A test of what a model says; `npx retake run -- COMMAND` needs no key.
IMPORTS

async function ask(question) {
  const reply = await fetch("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${process.env.OPENAI_API_KEY}`,
    },
    body: JSON.stringify({
      model: "gpt-6-luna",
      messages: [{ role: "user", content: question }],
    }),
  });
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.error.message);
  return body.choices[0].message.content;
}

test("names the planet", async () => {
  CHECK
});
