import json
from mistralai.client import Mistral

client = Mistral(
    server_url="https://api.mistral.ai",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
)
chat = client.chat.complete(
    model="mistral-small-latest", messages=[{"role": "user", "content": "Which city is near Paris?"}]
)
stream = client.chat.stream(
    model="mistral-small-latest", messages=[{"role": "user", "content": "Which town is near Paris?"}]
)
print(json.dumps({"chat": chat.model_dump(mode="json"), "stream": [event.data.model_dump(mode="json") for event in stream]}))
