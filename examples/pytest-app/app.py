"""What to wear: an agent that looks the weather up. Its provider's address stands in the code, as it does in most."""

from __future__ import annotations

import os

from openai import OpenAI

client = OpenAI(base_url="https://api.openai.com/v1", api_key=os.environ.get("OPENAI_API_KEY", "sk-test"))
MODEL = "gpt-4o"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather where the user is",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]


def what_to_wear(weather: str, question: str = "What should I wear today?") -> str:
    """Asks the model, tells it the weather when it wants to know, and returns its advice."""
    messages: list = [{"role": "user", "content": question}]
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message
    (call,) = asked.tool_calls
    messages += [asked.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": weather}]
    answered = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    return answered.choices[0].message.content
