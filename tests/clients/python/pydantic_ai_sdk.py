import asyncio
import json
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(
    base_url="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
)
agent = Agent(OpenAIChatModel("gpt-4o-mini", provider=provider), instructions="Be brief.")


async def main():
    chat = await agent.run("Which city is near Paris?")
    async with agent.run_stream("Which town is near Paris?") as stream:
        texts = [text async for text in stream.stream_text(delta=True)]
    last = chat.all_messages()[-1]
    print(json.dumps({"chat": [chat.output, last.provider_response_id, last.usage.total_tokens], "stream": texts}))


asyncio.run(main())
