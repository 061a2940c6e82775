import json
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    base_url="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
    model="gpt-4o-mini",
)
chat = model.invoke("Which city is near Paris?")
# LangChain gives each run an id of its own.
stream = [part.model_dump(exclude={"id"}) for part in model.stream("Which town is near Paris?")]
print(json.dumps({"chat": chat.model_dump(exclude={"id"}), "stream": stream}))
