"""What the official SDKs for Python make of replies. On stdin a JSON list of what to ask: `{"base", "path", "body"}`;
on stdout the SDKs' versions, then a line for each: `{way: outcome}`. A way is one that the SDK has to
read the reply; an outcome is what its user then has, or what was raised, and whether the SDK raised it or the user's code."""
import json
import sys
import traceback
import warnings

import anthropic
import openai

SDKS = {"openai": openai, "anthropic": anthropic}
KEYS = {"api_key": "none", "max_retries": 0, "timeout": 20}


def chat(reply):
    """A whole chat, as its user reads it."""
    choice = reply.choices[0]
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": json.loads(call.function.arguments)}
        for call in choice.message.tool_calls or []
    ]
    return named(reply, text=choice.message.content, calls=calls, finish=choice.finish_reason)


def named(reply, **more):
    return {"id": getattr(reply, "id", None), "model": reply.model, "tokens": reply.usage and reply.usage.total_tokens, **more}


def chat_loop(stream):
    """The events of a chat, put together as OpenAI's guides show it."""
    had, calls = {"text": ""}, {}
    for chunk in stream:
        keep(had, id=chunk.id, model=chunk.model, tokens=chunk.usage and chunk.usage.total_tokens)
        for choice in chunk.choices:
            had["text"] += choice.delta.content or ""
            keep(had, finish=choice.finish_reason)
            for piece in choice.delta.tool_calls or []:
                if piece.index in calls:
                    calls[piece.index].function.arguments += piece.function.arguments
                else:
                    calls[piece.index] = piece
    read = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls.values()]
    return {**had, "calls": [{"id": id, "name": name, "arguments": arguments} for id, name, arguments in read]}


def keep(had, **more):
    had.update({name: value for name, value in more.items() if value is not None})


def completion(reply):
    return named(reply, text=reply.choices[0].text, finish=reply.choices[0].finish_reason)


def completion_loop(stream):
    had = {"text": ""}
    for chunk in stream:
        keep(had, id=chunk.id, model=chunk.model, tokens=chunk.usage and chunk.usage.total_tokens)
        for choice in chunk.choices:
            had["text"] += choice.text
            keep(had, finish=choice.finish_reason)
    return had


def response(reply):
    return named(reply, text=reply.output_text, finish=reply.status)


def response_loop(stream):
    had = {"text": ""}
    for event in stream:
        if event.type == "response.output_text.delta":
            had["text"] += event.delta
        if event.type in ("response.created", "response.completed"):
            keep(had, id=event.response.id, model=event.response.model, finish=event.response.status)
    return had


def message(reply):
    tokens = reply.usage.input_tokens + reply.usage.output_tokens
    return {"id": reply.id, "model": reply.model, "text": reply.content[0].text, "finish": reply.stop_reason, "tokens": tokens}


def message_loop(stream):
    had = {"text": ""}
    for event in stream:
        if event.type == "message_start":
            keep(had, id=event.message.id, model=event.message.model)
        if event.type == "content_block_delta":
            had["text"] += event.delta.text
        if event.type == "message_delta":
            keep(had, finish=event.delta.stop_reason)
    return had


def vectors(by):
    def read(reply):
        data = sorted(reply.data, key=lambda item: item.index) if by == "index" else reply.data
        return named(reply, vectors=[item.embedding for item in data])

    return read


def put_together(open_stream, final):
    with open_stream as stream:
        for _ in stream:
            pass
        return getattr(stream, final)()


def ways(path, body, client):
    """Way → what asks and reads."""
    whole = {name: value for name, value in body.items() if name != "stream"}
    api, read, loop, final = {
        "/v1/chat/completions": (lambda: client.chat.completions, chat, chat_loop, "get_final_completion"),
        "/v1/completions": (lambda: client.completions, completion, completion_loop, None),
        "/v1/responses": (lambda: client.responses, response, response_loop, "get_final_response"),
        "/v1/messages": (lambda: client.messages, message, message_loop, "get_final_message"),
        "/v1/embeddings": (lambda: client.embeddings, None, None, None),
        "/v1/models": (lambda: client.models, None, None, None),
    }[path]
    if path == "/v1/models":
        return {"list": lambda: {"models": [model.id for model in client.models.list()]}}
    if path == "/v1/embeddings":
        return {f"by {by}": lambda by=by: vectors(by)(client.embeddings.create(**body)) for by in ("position", "index")}
    if not body.get("stream"):
        return {"create": lambda: read(api().create(**body))}
    found = {"loop": lambda: loop(api().create(**body))}
    if final:
        found["stream()"] = lambda: read(put_together(api().stream(**whole), final))
    return found


def outcome(way):
    try:
        had = way()
        json.dumps(had, ensure_ascii=False).encode()  # a user writes it somewhere
        return had
    except Exception as error:
        frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        by_sdk = any(f"/{name}/" in frame for frame in frames for name in SDKS)
        return {"raised": type(error).__name__, "message": str(error)[:200], "by": "SDK" if by_sdk else "user"}


warnings.simplefilter("ignore")  # the SDKs tell of odd members there
print(json.dumps({name: sdk.__version__ for name, sdk in SDKS.items()}), flush=True)
for asked in json.load(sys.stdin):
    if asked["path"] == "/v1/messages":
        client = anthropic.Anthropic(base_url=asked["base"], **KEYS)
    else:
        client = openai.OpenAI(base_url=asked["base"] + "/v1", **KEYS)
    found = {name: outcome(way) for name, way in ways(asked["path"], asked["body"], client).items()}
    print(json.dumps(found), flush=True)
