import json
from anthropic import Anthropic

client = Anthropic(
    base_url="https://api.anthropic.com",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
)
message = client.messages.create(
    model="claude-haiku-5-5", max_tokens=64, messages=[{"role": "user", "content": "Which city is near Paris?"}]
)
with client.messages.stream(
    model="claude-haiku-5-5", max_tokens=64, messages=[{"role": "user", "content": "Which town is near Paris?"}]
) as stream:
    texts = list(stream.text_stream)
    last = stream.get_final_message()
print(json.dumps({"chat": message.model_dump(), "stream": [texts, last.model_dump()]}))
