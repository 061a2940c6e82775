import hashlib
import json
import urllib.request

URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"
HEADERS = {"x-goog-api-key": "sk-example-7f3a9c1e52d04b68", "content-type": "application/json"}


def ask(method, text):
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{URL}:{method}", body, HEADERS)) as reply:
        return reply.read()


chat = ask("generateContent", "Which city is near Paris?")
body = ask("streamGenerateContent?alt=sse", "Which town is near Paris?")
digests = [hashlib.sha256(body).hexdigest() for body in (chat, body)]
print(json.dumps({"chat": json.loads(chat), "stream": body.decode(), "sha256": digests}))
