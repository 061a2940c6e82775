import json
from google import genai

client = genai.Client(
    http_options={"base_url": "https://generativelanguage.googleapis.com"},  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
)
reply = client.models.generate_content(model="gemini-2.5-flash", contents="Which city is near Paris?")
stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents="Which town is near Paris?")


def parsed(reply):
    return [reply.text, reply.model_dump(mode="json", include={"response_id", "usage_metadata", "candidates"})]


print(json.dumps({"chat": parsed(reply), "stream": [parsed(chunk) for chunk in stream]}))
