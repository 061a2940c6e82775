"""The official `openai` SDK: each line on stdout is what it made of one answer."""
import json
import openai

MODEL = "smollm2-135m-instruct"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
client = openai.OpenAI(max_retries=0)  # the base URL and the key come from the environment


def show(name, value):
    print(name, json.dumps(value, sort_keys=True), flush=True)


def ask(text, **more):
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], max_tokens=24, **more)


show("models", [model.model_dump() for model in client.models.list()])
show("chat", ask("Which planet do humans live on?").model_dump())
show("chat n", ask("Name a colour.", n=2, seed=1).model_dump())
show("chat stream", [chunk.model_dump() for chunk in ask("Name the star of our system.", stream=True)])
usage = {"include_usage": True}
show("chat stream usage", [chunk.model_dump() for chunk in ask("Count to three.", stream=True, stream_options=usage)])
tools = {"tools": [WEATHER], "tool_choice": "required"}
show("tools", ask("What is the weather in Paris?", **tools).model_dump())
show("tools stream", [chunk.model_dump() for chunk in ask("What is the weather in Paris?", stream=True, **tools)])
schema = {"type": "json_schema", "json_schema": {"name": "city", "schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
show("json schema", ask("Name the capital of France.", response_format=schema).model_dump())
show("completion", client.completions.create(model=MODEL, prompt="Roses are red,", max_tokens=8).model_dump())
for encoding in ["float", "base64"]:
    vectors = client.embeddings.create(model=MODEL, input=["one", "two"], encoding_format=encoding)
    show("embeddings " + encoding, vectors.model_dump())
show("response", client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=8).model_dump())
events = client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=8, stream=True)
show("response stream", [event.model_dump() for event in events])
try:
    client.chat.completions.create(model=MODEL, messages="not a list")
except openai.APIStatusError as error:
    show("error", [type(error).__name__, error.status_code, error.body])
