"""Providers on loopback, each on a port of its own with the paths, the credential and the dialect of the real one.

Prints `READY` and a JSON object, provider → `http://127.0.0.1:PORT`; ends when its stdin does. Every answer has a text and
an id of its own, so that nobody can take a second answer for the first.
"""
import http.server
import json
import os
import re
import secrets
import struct
import sys
import threading
import time
import zlib

KEY = "sk-example-7f3a9c1e52d04b68"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def pieces():
    """A text in pieces, as a model streams it. It has a letter outside ASCII, and another number each time."""
    return ["Sèvres", " is", " near", f" Paris: {secrets.randbelow(10**9)}", "."]


def arguments_for(schema):
    """Arguments that fit a JSON Schema of an object of texts and numbers."""
    kinds = {"string": "Paris", "integer": secrets.randbelow(10**6), "number": 0.5, "boolean": True, "array": []}
    return {name: kinds.get(of.get("type"), "Paris") for name, of in schema.get("properties", {}).items()}


def openai_chat(asked, more={}):
    """A chat in OpenAI's form: the whole reply, or the events of its stream. `more` stands in each of them."""
    head = {**more, "id": f"chatcmpl-{secrets.token_hex(8)}", "created": int(time.time()), "model": asked["model"]}
    texts, calls, finish = pieces(), None, "stop"
    if asked.get("tools"):
        function = asked["tools"][0]["function"]
        text = json.dumps(arguments_for(function["parameters"]))
        call = {"id": f"call_{secrets.token_hex(6)}", "type": "function"}
        calls, finish, texts = [{**call, "function": {"name": function["name"], "arguments": text}}], "tool_calls", []
    if not asked.get("stream"):
        message = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
        message |= {"tool_calls": calls} if calls else {}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}

    def events():
        deltas = [{"role": "assistant", "content": "" if texts else None}, *({"content": text} for text in texts)]
        for call in calls or []:
            whole = call["function"]["arguments"]
            middle = len(whole) // 2
            begin = {**call, "function": {**call["function"], "arguments": ""}}
            parts = [begin, *({"function": {"arguments": part}} for part in (whole[:middle], whole[middle:]))]
            deltas += [{"tool_calls": [{"index": 0, **part}]} for part in parts]
        chunks = [({"index": 0, "delta": delta, "logprobs": None, "finish_reason": None},) for delta in deltas]
        chunks.append(({"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish},))
        for choices in chunks:
            yield None, {**head, "object": "chat.completion.chunk", "choices": choices}
        if (asked.get("stream_options") or {}).get("include_usage"):
            yield None, {**head, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
        yield None, "[DONE]"

    return events()


def openai_response(asked):
    """A response of OpenAI's Responses API, or its events."""
    id, item_id, texts = f"resp_{secrets.token_hex(8)}", f"msg_{secrets.token_hex(8)}", pieces()

    def part(text):
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def item(status, content):
        return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def response(status, output, usage):
        named = {name: asked.get(name) for name in ("instructions", "max_output_tokens", "temperature", "top_p")}
        head = {"id": id, "object": "response", "created_at": int(time.time()), "status": status, "error": None}
        asked_for = {"tools": asked.get("tools") or [], "tool_choice": asked.get("tool_choice") or "auto"}
        rest = {"model": asked["model"], "parallel_tool_calls": True, "metadata": {}, "incomplete_details": None}
        return {**head, **named, **asked_for, **rest, "output": output, "usage": usage}

    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    whole = item("completed", [part("".join(texts))])
    if not asked.get("stream"):
        return response("completed", [whole], usage)

    def events():
        place = {"output_index": 0, "item_id": item_id, "content_index": 0}
        begun = response("in_progress", [], None)
        yield "response.created", {"response": begun}
        yield "response.in_progress", {"response": begun}
        yield "response.output_item.added", {"output_index": 0, "item": item("in_progress", [])}
        yield "response.content_part.added", {**place, "part": part("")}
        for text in texts:
            yield "response.output_text.delta", {**place, "delta": text, "logprobs": []}
        yield "response.output_text.done", {**place, "text": "".join(texts), "logprobs": []}
        yield "response.content_part.done", {**place, "part": part("".join(texts))}
        yield "response.output_item.done", {"output_index": 0, "item": whole}
        yield "response.completed", {"response": response("completed", [whole], usage)}

    numbered = enumerate(events())
    return ((name, {"type": name, "sequence_number": number, **data}) for number, (name, data) in numbered)


def anthropic_message(asked):
    texts, usage = pieces(), {"input_tokens": 11, "output_tokens": 7}
    message = {"id": f"msg_{secrets.token_hex(8)}", "type": "message", "role": "assistant", "model": asked["model"]}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    if not asked.get("stream"):
        content = [{"type": "text", "text": "".join(texts)}]
        return {**message, "content": content, "stop_reason": "end_turn", "usage": usage}

    def events():
        yield "message_start", {"message": message}
        yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
        yield "ping", {}
        for text in texts:
            yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}}
        yield "content_block_stop", {"index": 0}
        yield "message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 7}}
        yield "message_stop", {}

    return ((name, {"type": name, **data}) for name, data in events())


def gemini_content(model, is_stream):
    texts, id = pieces(), secrets.token_urlsafe(12)

    def reply(text, end):
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        counts = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        candidate |= {"finishReason": "STOP"} if end else {}
        return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": model, "responseId": id}

    if not is_stream:
        return reply("".join(texts), True)
    return ((None, reply(text, text == texts[-1])) for text in texts)


def ollama_chat(asked):
    texts = pieces()
    head = {"model": asked["model"], "created_at": "2026-01-01T00:00:00.123456789Z"}
    end = {"done": True, "done_reason": "stop", "total_duration": secrets.randbelow(10**9), "load_duration": 1}
    end |= {"prompt_eval_count": 11, "prompt_eval_duration": 1, "eval_count": 7, "eval_duration": 1}
    if not asked.get("stream", True):
        return {**head, "message": {"role": "assistant", "content": "".join(texts)}, **end}
    parts = [{**head, "message": {"role": "assistant", "content": text}, "done": False} for text in texts]
    return [*parts, {**head, "message": {"role": "assistant", "content": ""}, **end}]


def converse(is_stream):
    """Bedrock's Converse: the whole reply, or its events as they go on the wire."""
    texts = pieces()
    usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
    if not is_stream:
        message = {"role": "assistant", "content": [{"text": "".join(texts)}]}
        return {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 5}}
    events = [("messageStart", {"role": "assistant"})]
    events += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}) for text in texts]
    events += [("contentBlockStop", {"contentBlockIndex": 0}), ("messageStop", {"stopReason": "end_turn"})]
    events += [("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})]
    return [aws_event(name, data) for name, data in events]


def aws_event(name, data):
    """A message of `application/vnd.amazon.eventstream`: lengths, their checksum, headers, payload, checksum."""
    payload = json.dumps(data).encode()
    named = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack(f">B{len(key)}sBH", len(key), key.encode(), 7, len(value)) + value.encode()
        for key, value in named.items()
    )
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def sse(events):
    for name, data in events:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        yield (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def bearer(headers, _):
    return headers.get("authorization") == f"Bearer {KEY}"


def of_anthropic(headers, path):
    """Old SDKs send `x-api-key`, new ones a bearer token."""
    return headers.get("anthropic-version") and (headers.get("x-api-key") == KEY or bearer(headers, path))


def signed(headers, _):
    return (headers.get("authorization") or "").startswith("AWS4-HMAC-SHA256 Credential=")


# Provider → what its credential must be, and its endpoints: a pattern of the path → what answers (path match, body), and
# the content type of a stream.
SSE, NDJSON, AWS = "text/event-stream; charset=utf-8", "application/x-ndjson", "application/vnd.amazon.eventstream"
PROVIDERS = {
    "openai": (bearer, [
        (r"/v1/chat/completions", lambda _, body: openai_chat(body), SSE),
        (r"/v1/responses", lambda _, body: openai_response(body), SSE),
    ]),
    "azure": (lambda headers, _: headers.get("api-key") == KEY, [
        (r"/openai/deployments/[^/]+/chat/completions\?api-version=[\w-]+", lambda _, body: openai_chat(body), SSE),
    ]),
    "anthropic": (of_anthropic, [
        (r"/v1/messages", lambda _, body: anthropic_message(body), SSE),
    ]),
    "gemini": (lambda headers, path: headers.get("x-goog-api-key") == KEY or f"key={KEY}" in path, [
        (r"/v1(?:beta)?/models/([\w.-]+):generateContent(\?.*)?", lambda at, _: gemini_content(at[1], False), SSE),
        (r"/v1(?:beta)?/models/([\w.-]+):streamGenerateContent\?alt=sse(&.*)?", lambda at, _: gemini_content(at[1], True), SSE),
    ]),
    "mistral": (bearer, [(r"/v1/chat/completions", lambda _, body: openai_chat(body), SSE)]),
    "groq": (bearer, [(r"/openai/v1/chat/completions", lambda _, body: openai_chat(body, {"service_tier": "on_demand"}), SSE)]),
    "ollama": (lambda *_: True, [(r"/api/chat", lambda _, body: ollama_chat(body), NDJSON)]),
    "bedrock": (signed, [
        (r"/model/[^/]+/converse", lambda *_: converse(False), AWS),
        (r"/model/[^/]+/converse-stream", lambda *_: converse(True), AWS),
    ]),
}


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = None

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-request-id", secrets.token_hex(8))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, content_type, parts):
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("x-request-id", secrets.token_hex(8))
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        is_known, endpoints = PROVIDERS[self.name]
        found = [(re.fullmatch(pattern, self.path), answer, kind) for pattern, answer, kind in endpoints]
        found = [entry for entry in found if entry[0]]
        if not found:
            return self.answer(404, {"error": {"message": f"{self.name} has no {self.path}", "type": "not_found"}})
        if not is_known(self.headers, self.path):
            return self.answer(401, {"error": {"message": f"no key of {self.name}'s", "type": "authentication_error"}})
        at, answer, kind = found[0]
        reply = answer(at, json.loads(body))
        if isinstance(reply, dict):
            return self.answer(200, reply)
        if kind == SSE:
            reply = sse(reply)
        elif kind == NDJSON:
            reply = (json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in reply)
        self.stream(kind, reply)


def serve(name):
    handler = type(name, (Provider,), {"name": name})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


print("READY", json.dumps({name: serve(name) for name in PROVIDERS}), flush=True)
while sys.stdin.buffer.read(4096):
    pass
os._exit(0)
