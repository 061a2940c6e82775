import json
from openai import OpenAI

client = OpenAI(
    base_url="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
)
chat = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Which city is near Paris?"}]
)
stream = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Which town is near Paris?"}],
    stream=True,
    stream_options={"include_usage": True},
)
print(json.dumps({"chat": chat.model_dump(), "stream": [chunk.model_dump() for chunk in stream]}))
