import asyncio
import json
from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
)


async def main():
    response = await client.responses.create(model="gpt-4o-mini", input="Which city is near Paris?")
    stream = await client.responses.create(model="gpt-4o-mini", input="Which town is near Paris?", stream=True)
    events = [event.model_dump() async for event in stream]
    print(json.dumps({"chat": response.model_dump(), "stream": events}))


asyncio.run(main())
