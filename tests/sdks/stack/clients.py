"""llama-stack's client and OpenAI's, both of the time of llama-stack 0.2.21, against `retake stack`.

clients.py URL TEXT_MODEL EMBEDDING_MODEL: each line on stdout is what one client made of one answer.
"""
import sys

import llama_stack_client
import openai

URL, TEXT, EMBEDDING = sys.argv[1:]
PROVIDER, TEXT_AT_PROVIDER = TEXT.split("/", 1)
PLANET = [{"role": "user", "content": "Which planet do humans live on?"}]
SUN = [{"role": "user", "content": "What's the name of the Sun in latin?"}]
WEATHER = "What's the weather in Tokyo? Use the get_weather function to get the weather."
TOOLS = [{"type": "function", "function": {
    "name": "get_weather",
    "description": "Get the weather in a given city",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "The city to get the weather for"}}},
}}]
ROSES = ("Respond to this question and explain your answer. "
         "Complete the sentence using one word: Roses are red, violets are ")

llama_stack = llama_stack_client.LlamaStackClient(base_url=URL, max_retries=0)
of_openai = openai.OpenAI(base_url=f"{URL}/v1/openai/v1", api_key="none", max_retries=0)


def completions(name, client):
    whole = client.completions.create(model=TEXT, prompt=ROSES, stream=False)
    assert whole.model == TEXT and whole.choices[0].text, whole
    print(name, "completion", len(whole.choices[0].text))


def chats(name, client):
    whole = client.chat.completions.create(model=TEXT, messages=PLANET, stream=False)
    assert whole.model == TEXT and "earth" in whole.choices[0].message.content.lower(), whole
    chunks = list(client.chat.completions.create(model=TEXT, messages=SUN, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "sol" in text.lower() and {chunk.model for chunk in chunks} == {TEXT}, chunks
    print(name, "chat", len(chunks), "chunks:", text.strip().splitlines()[0])


def tools(name, client):
    messages = [{"role": "user", "content": WEATHER}]
    whole = client.chat.completions.create(model=TEXT, messages=messages, tools=TOOLS, stream=False)
    assert whole.choices[0].message.tool_calls[0].function.name == "get_weather", whole
    chunks = list(client.chat.completions.create(model=TEXT, messages=messages, tools=TOOLS, stream=True))
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert [call.function.name for call in calls if call.function.name] == ["get_weather"], chunks
    arguments = "".join(call.function.arguments or "" for call in calls)
    print(name, "tools", arguments)


def embeddings(name, client):
    made = client.embeddings.create(model=EMBEDDING, input="Test encoding format", encoding_format="float")
    assert made.model == EMBEDDING and len(made.data) == 1, made
    print(name, "embeddings", len(made.data[0].embedding))


def stored(name, client):
    asked = client.chat.completions.create(model=TEXT, messages=PLANET, stream=False)
    listed = {kept.id: kept for kept in client.chat.completions.list(limit=2, model=TEXT)}
    assert asked.id in listed, listed
    kept = client.chat.completions.retrieve(asked.id)
    assert kept.choices[0].message.content == asked.choices[0].message.content, kept
    assert kept.input_messages[0]["content"] == PLANET[0]["content"] if name == "openai" else (
        kept.input_messages[0].content == PLANET[0]["content"]), kept
    print(name, "stored", len(listed))


def fails(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def llama_stacks_models():
    models = {model.identifier: model for model in llama_stack.models.list()}
    text = models[TEXT]
    assert (text.provider_id, text.provider_resource_id) == (PROVIDER, TEXT_AT_PROVIDER), text
    assert (text.type, text.api_model_type) == ("model", "llm") and text.metadata["context_length"] > 0, text
    embedding = models[EMBEDDING].metadata
    assert embedding["context_length"] > 0 and embedding["embedding_dimension"] > 0, embedding
    assert llama_stack.models.retrieve(TEXT) == text
    alias = llama_stack.models.register(model_id="alias", provider_id=PROVIDER, provider_model_id=TEXT_AT_PROVIDER)
    assert (alias.identifier, alias.provider_resource_id) == ("alias", TEXT_AT_PROVIDER), alias
    asked = llama_stack.chat.completions.create(model="alias", messages=PLANET, stream=False)
    assert asked.model == "alias" and "earth" in asked.choices[0].message.content.lower(), asked
    assert llama_stack.models.unregister("alias") is None
    fails(llama_stack_client.NotFoundError, lambda: llama_stack.models.retrieve("alias"))
    print("llama-stack models", len(models))


def openais_models():
    models = {model.id: model for model in of_openai.models.list()}
    assert models[TEXT].object == "model" and of_openai.models.retrieve(TEXT) == models[TEXT], models
    error = fails(openai.NotFoundError, lambda: of_openai.models.retrieve(f"{PROVIDER}/none"))
    assert error.code == "model_not_found", error
    print("openai models", len(models))


def about_the_stack():
    assert llama_stack.inspect.health().status == "OK"
    assert llama_stack.inspect.version().version.count(".") == 2
    routes = {(route.method, route.route) for route in llama_stack.routes.list()}
    assert {("GET", "/v1/models"), ("POST", "/v1/openai/v1/chat/completions")} <= routes, routes
    providers = [provider.provider_id for provider in llama_stack.providers.list()]
    assert PROVIDER in providers and llama_stack.providers.retrieve(PROVIDER).api == "inference", providers
    print("llama-stack about", len(routes), "routes")


about_the_stack()
llama_stacks_models()
openais_models()
for name, client in [("llama-stack", llama_stack), ("openai", of_openai)]:
    for part in [completions, chats, tools, embeddings, stored]:
        part(name, client)
