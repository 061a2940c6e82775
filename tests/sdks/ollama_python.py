"""The official `ollama` SDK, which speaks Ollama's own API: each line on stdout is what it made of one answer."""
import json
import ollama

MODEL = "smollm2-135m-instruct"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
client = ollama.Client()  # the address comes from the environment
OPTIONS = {"num_predict": 24}


def show(name, value):
    print(name, json.dumps(value, sort_keys=True, default=str), flush=True)


def ask(text, **more):
    return client.chat(model=MODEL, messages=[{"role": "user", "content": text}], options=OPTIONS, **more)


show("chat", ask("Which planet do humans live on?").model_dump())
show("chat stream", [part.model_dump() for part in ask("Name the star of our system.", stream=True)])
show("tools", ask("What is the weather in Paris?", tools=[WEATHER]).model_dump())
show("tools stream", [part.model_dump() for part in ask("What is the weather in Paris?", tools=[WEATHER], stream=True)])
show("embed", client.embed(model=MODEL, input=["one", "two"]).model_dump())
try:
    client.chat(model="no-such-model", messages=[])
except ollama.ResponseError as error:
    show("error", [type(error).__name__, error.status_code, error.error])
