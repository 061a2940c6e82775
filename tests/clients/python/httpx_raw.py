import hashlib
import json
import httpx

URL = "https://api.anthropic.com/v1/messages"
HEADERS = {"x-api-key": "sk-example-7f3a9c1e52d04b68", "anthropic-version": "2023-06-01"}


def question(text, **more):
    messages = [{"role": "user", "content": text}]
    return {"model": "claude-haiku-5-5", "max_tokens": 64, "messages": messages, **more}


chat = httpx.post(URL, headers=HEADERS, json=question("Which city is near Paris?")).raise_for_status()
with httpx.stream("POST", URL, headers=HEADERS, json=question("Which town is near Paris?", stream=True)) as stream:
    body = b"".join(stream.raise_for_status().iter_raw())
digests = [hashlib.sha256(body).hexdigest() for body in (chat.content, body)]
print(json.dumps({"chat": chat.json(), "stream": body.decode(), "sha256": digests}))
