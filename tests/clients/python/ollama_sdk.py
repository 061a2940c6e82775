import json
import ollama

client = ollama.Client()
chat = client.chat(model="llama3.2", messages=[{"role": "user", "content": "Which city is near Paris?"}])
stream = client.chat(model="llama3.2", messages=[{"role": "user", "content": "Which town is near Paris?"}], stream=True)
print(json.dumps({"chat": chat.model_dump(), "stream": [part.model_dump() for part in stream]}))
