import json
import instructor
from openai import OpenAI
from pydantic import BaseModel


class Town(BaseModel):
    name: str
    inhabitants: int


client = instructor.from_openai(OpenAI(
    base_url="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
))
town = client.chat.completions.create(
    model="gpt-4o-mini", response_model=Town, messages=[{"role": "user", "content": "Which city is near Paris?"}]
)
parts = client.chat.completions.create_partial(
    model="gpt-4o-mini", response_model=Town, messages=[{"role": "user", "content": "Which town is near Paris?"}]
)
print(json.dumps({"chat": town.model_dump(), "stream": [part.model_dump() for part in parts]}))
