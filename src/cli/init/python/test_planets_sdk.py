"""A test of what a model says; `retake run -- pytest` needs no key for it."""

from openai import OpenAI


def ask(question: str) -> str:
    message = {"role": "user", "content": question}
    completions = OpenAI().chat.completions
    reply = completions.create(model="gpt-6-luna", messages=[message])
    return reply.choices[0].message.content


def test_names_the_planet():
    assert "Earth" in ask("Which planet do humans live on?")
