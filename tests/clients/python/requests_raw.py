import hashlib
import json
import requests

URL = "https://api.openai.com/v1/chat/completions"
HEADERS = {"Authorization": "Bearer sk-example-7f3a9c1e52d04b68"}


def question(text, **more):
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


chat = requests.post(URL, headers=HEADERS, json=question("Which city is near Paris?"))
chat.raise_for_status()
with requests.post(URL, headers=HEADERS, json=question("Which town is near Paris?", stream=True), stream=True) as stream:
    stream.raise_for_status()
    body = b"".join(stream.iter_content(None))
digests = [hashlib.sha256(body).hexdigest() for body in (chat.content, body)]
print(json.dumps({"chat": chat.json(), "stream": body.decode(), "sha256": digests}))
