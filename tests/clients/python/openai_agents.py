import asyncio
import json
from agents import Agent, Runner, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

set_default_openai_client(AsyncOpenAI(
    base_url="https://api.openai.com/v1",  # hard-coded
    api_key="sk-example-7f3a9c1e52d04b68",
))
set_tracing_disabled(True)
agent = Agent(name="guide", instructions="Be brief.", model="gpt-4o-mini")


async def main():
    chat = await Runner.run(agent, "Which city is near Paris?")
    stream = Runner.run_streamed(agent, "Which town is near Paris?")
    deltas = [
        event.data.delta
        async for event in stream.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    answer = chat.raw_responses[0]
    print(json.dumps({"chat": [chat.final_output, answer.response_id, answer.usage.total_tokens], "stream": deltas}))


asyncio.run(main())
