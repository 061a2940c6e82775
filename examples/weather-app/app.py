"""A chat endpoint that calls a tool, as small as can be: Python's standard library and an OpenAI-compatible API.

PORT says where to listen, OPENAI_BASE_URL and OPENAI_API_KEY whom to ask, MODEL which model.
"""
import http.client
import http.server
import json
import os
import urllib.error
import urllib.request

MODEL = os.environ.get("MODEL", "smollm2-135m-instruct")
WEATHER = {"Paris": "sunny, 21 degrees", "London": "rain, 14 degrees"}
TOOLS = [{
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}]


def complete(messages, **more):
    body = {"model": MODEL, "messages": messages, "max_tokens": 48, **more}
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', '')}"}
    url = os.environ["OPENAI_BASE_URL"].rstrip("/") + "/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=60) as reply:
        return json.load(reply)["choices"][0]["message"]


def chat(question):
    messages = [{"role": "user", "content": question}]
    asked = complete(messages, tools=TOOLS, tool_choice="required")
    used = []
    messages.append({"role": "assistant", "content": asked.get("content"), "tool_calls": asked["tool_calls"]})
    for call in asked["tool_calls"]:
        city = json.loads(call["function"]["arguments"]).get("city", "")
        used.append(city)
        weather = WEATHER.get(city, "unknown")
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": weather})
    return {"answer": complete(messages)["content"], "cities": used}


class App(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(200, {"status": "ok"}) if self.path == "/health" else self.answer(404, {"error": "not found"})

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))).get("message")
        if not question:
            return self.answer(400, {"error": {"message": "say something in `message`"}})
        try:
            self.answer(200, chat(question))
        except urllib.error.HTTPError as error:
            busy = error.code == 429
            self.answer(503 if busy else 502, {"error": {"message": "the model is busy" if busy else f"the model answered {error.code}"}})
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.answer(502, {"error": {"message": f"the model gave no answer: {error}"}})


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
