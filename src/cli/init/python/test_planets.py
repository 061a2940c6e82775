"""A test of what a model says; `retake run -- pytest` needs no key for it."""

import json
import os
import urllib.request

URL = "https://api.openai.com/v1/chat/completions"
KEY = os.environ.get("OPENAI_API_KEY", "")


def ask(question: str) -> str:
    message = {"role": "user", "content": question}
    body = {"model": "gpt-6-luna", "messages": [message]}
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {KEY}",
    }
    data = json.dumps(body).encode()
    request = urllib.request.Request(URL, data, headers)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]


def test_names_the_planet():
    assert "Earth" in ask("Which planet do humans live on?")
