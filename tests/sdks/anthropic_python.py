"""The official `anthropic` SDK: each line on stdout is what it made of one answer."""
import json
import anthropic

MODEL = "smollm2-135m-instruct"
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
client = anthropic.Anthropic(max_retries=0)  # the base URL and the key come from the environment


def show(name, value):
    print(name, json.dumps(value, sort_keys=True, default=str), flush=True)


def ask(text, **more):
    return {"model": MODEL, "max_tokens": 24, "messages": [{"role": "user", "content": text}], **more}


show("message", client.messages.create(**ask("Which planet do humans live on?")).model_dump())
with client.messages.stream(**ask("Name the star of our system.")) as stream:
    show("message stream", [event.model_dump() for event in stream])
    show("message stream whole", stream.get_final_message().model_dump())
tools = {"tools": [WEATHER], "tool_choice": {"type": "any"}}
show("tools", client.messages.create(**ask("What is the weather in Paris?", **tools)).model_dump())
with client.messages.stream(**ask("What is the weather in Paris?", **tools)) as stream:
    show("tools stream", [event.model_dump() for event in stream])
try:
    client.messages.create(model=MODEL, max_tokens=1, messages=[{"role": "user", "content": 1}])
except anthropic.APIStatusError as error:
    show("error", [type(error).__name__, error.status_code, error.body])
