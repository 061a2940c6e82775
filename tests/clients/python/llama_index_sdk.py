import json
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI

llm = OpenAI(
    api_base="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
    model="gpt-4o-mini",
)
chat = llm.chat([ChatMessage(role="user", content="Which city is near Paris?")])
stream = [part.delta for part in llm.stream_chat([ChatMessage(role="user", content="Which town is near Paris?")])]
print(json.dumps({"chat": [chat.message.content, chat.raw.model_dump()], "stream": stream}))
