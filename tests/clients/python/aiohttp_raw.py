import asyncio
import hashlib
import json
import aiohttp

URL = "https://api.groq.com/openai/v1/chat/completions"
HEADERS = {"Authorization": "Bearer sk-example-7f3a9c1e52d04b68"}


def question(text, **more):
    return {"model": "llama-3.3-70b-versatile", "messages": [{"role": "user", "content": text}], **more}


async def main():
    async with aiohttp.ClientSession(headers=HEADERS, raise_for_status=True) as session:
        async with session.post(URL, json=question("Which city is near Paris?")) as reply:
            chat = await reply.read()
        async with session.post(URL, json=question("Which town is near Paris?", stream=True)) as reply:
            body = b"".join([chunk async for chunk in reply.content.iter_any()])
    digests = [hashlib.sha256(body).hexdigest() for body in (chat, body)]
    print(json.dumps({"chat": json.loads(chat), "stream": body.decode(), "sha256": digests}))


asyncio.run(main())
