import json
from openai import AzureOpenAI

client = AzureOpenAI(
    azure_endpoint="https://weather-team.openai.azure.com",  # hard-coded
    api_version="2024-10-21",
    api_key="sk-example-7f3a9c1e52d04b68",
)
chat = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Which city is near Paris?"}]
)
stream = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Which town is near Paris?"}], stream=True
)
print(json.dumps({"chat": chat.model_dump(), "stream": [chunk.model_dump() for chunk in stream]}))
