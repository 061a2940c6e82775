import asyncio
import json
import litellm

KEY = "sk-example-7f3a9c1e52d04b68"
URLS = {
    "openai/gpt-4o-mini": "https://api.openai.com/v1",  # hard-coded
    "anthropic/claude-haiku-5-5": "https://api.anthropic.com",  # hard-coded
    "groq/openai/gpt-oss-20b": "https://api.groq.com/openai/v1",  # hard-coded
}


def question(model, text):
    return {
        "model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 64,
        "api_key": KEY, "api_base": URLS.get(model),
    }


def parsed(chat):
    return [chat.choices[0].message.content, chat.model, chat.usage.model_dump(mode="json")]


async def ask_async():
    return await litellm.acompletion(**question("openai/gpt-4o-mini", "Which village is near Paris?"))


chats, streams = [], []
for model in ["openai/gpt-4o-mini", "anthropic/claude-haiku-5-5", "groq/openai/gpt-oss-20b"]:
    chat = litellm.completion(**question(model, "Which city is near Paris?"))
    chats.append(parsed(chat))
    # Without stream_options, litellm asks for usage at the provider's own URL alone.
    options = {"include_usage": True}
    parts = litellm.completion(**question(model, "Which town is near Paris?"), stream=True, stream_options=options)
    streams.append([part.choices[0].delta.content for part in parts if part.choices])
chat = asyncio.run(ask_async())
chats.append(parsed(chat))
print(json.dumps({"chat": chats, "stream": streams}))
