"""A gateway in front of an OpenAI-compatible server that speaks Ollama's own API, newline-delimited streams included.

Usage: ollama_gateway.py BASE_URL. Prints `READY http://127.0.0.1:PORT`; ends when its stdin does.
"""
import http.server
import json
import os
import sys
import threading
import urllib.error
import urllib.request

BASE = sys.argv[1].rstrip("/")
MODEL = "smollm2-135m-instruct"


def upstream(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data=data, headers={"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=120)


def calls_of(pieces):
    """Tool calls put together from the pieces of a stream, as Ollama has them: arguments are an object."""
    calls = {}
    for piece in pieces:
        call = calls.setdefault(piece["index"], {"name": "", "arguments": ""})
        for key in call:
            call[key] += piece.get("function", {}).get(key) or ""
    return [{"function": {"name": c["name"], "arguments": json.loads(c["arguments"] or "{}")}} for c in calls.values()]


class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if asked.get("model") != MODEL:
            return self.answer(404, {"error": f"model '{asked.get('model')}' not found"})
        if self.path == "/api/embed":
            with upstream("/embeddings", {"model": MODEL, "input": asked["input"]}) as reply:
                data = json.load(reply)["data"]
            return self.answer(200, {"model": MODEL, "embeddings": [item["embedding"] for item in data]})
        if self.path != "/api/chat":
            return self.answer(404, {"error": "not found"})
        body = {"model": MODEL, "messages": asked["messages"], "stream": True}
        body["max_tokens"] = asked.get("options", {}).get("num_predict", 64)
        if asked.get("tools"):
            body.update(tools=asked["tools"], tool_choice="required")
        parts = self.parts(body)
        if asked.get("stream", True):
            return self.stream(parts)
        parts = list(parts)
        message = {"role": "assistant", "content": "".join(part["message"]["content"] for part in parts)}
        calls = [call for part in parts for call in part["message"].get("tool_calls", [])]
        if calls:
            message["tool_calls"] = calls
        self.answer(200, {**parts[-1], "message": message})

    def parts(self, body):
        common = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z"}
        pieces = []
        with upstream("/chat/completions", body) as reply:
            for line in reply:
                data = line.strip().removeprefix(b"data: ")
                if not line.startswith(b"data: ") or data == b"[DONE]":
                    continue
                for choice in json.loads(data).get("choices", []):
                    pieces += choice["delta"].get("tool_calls") or []
                    text = choice["delta"].get("content")
                    if text:
                        yield {**common, "message": {"role": "assistant", "content": text}, "done": False}
        if pieces:
            message = {"role": "assistant", "content": "", "tool_calls": calls_of(pieces)}
            yield {**common, "message": message, "done": False}
        message = {"role": "assistant", "content": ""}
        yield {**common, "message": message, "done": True, "done_reason": "stop"}

    def stream(self, parts):
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in parts:
            line = json.dumps(part).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"READY http://127.0.0.1:{server.server_port}", flush=True)
while sys.stdin.buffer.read(4096):
    pass
os._exit(0)
