"""OpenAI's SDK over 250 stored chat completions of `retake stack`: pages, filters, updates, messages, deletes.

stored.py URL MODEL: the provider must give every question an id of its own.
"""
import sys

import openai

URL, MODEL = sys.argv[1:]
client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
kept = client.chat.completions


def ask(number, **more):
    messages = [{"role": "system", "content": "Say yes."}, {"role": "user", "content": f"Question {number}"}]
    return kept.create(model=MODEL, messages=messages, **more).id


ids = [ask(number, store=True, metadata={"run": "first", "third": str(number % 3)}) for number in range(250)]
assert len(set(ids)) == 250, "the provider gives one id twice"
unstored = ask("unstored", store=False)

# Oldest first by default, page after page.
assert [one.id for one in kept.list()] == ids
assert [one.id for one in kept.list(limit=100, order="desc")] == ids[::-1]
page = kept.list(limit=7, after=ids[9])
assert [one.id for one in page.data] == ids[10:17] and page.has_more
assert [one.id for one in page.get_next_page().data] == ids[17:24]
assert list(kept.list(model="nobody/m")) == []
print("pages", len(ids))

assert [one.id for one in kept.list(metadata={"third": "1"})] == ids[1::3]
assert [one.id for one in kept.list(metadata={"third": "1", "run": "second"})] == []
print("metadata", len(ids[1::3]))

updated = kept.update(ids[4], metadata={"run": "second", "third": "1"})
assert updated.id == ids[4] and updated.metadata == {"run": "second", "third": "1"}, updated
assert kept.retrieve(ids[4]).metadata == updated.metadata
assert [one.id for one in kept.list(metadata={"third": "1", "run": "second"})] == [ids[4]]
print("updated", ids[4] == updated.id)

messages = list(kept.messages.list(ids[5], limit=1))
assert [message.content for message in messages] == ["Say yes.", "Question 5"], messages
assert [message.id for message in messages] == [f"{ids[5]}-0", f"{ids[5]}-1"], messages
print("messages", len(messages))

# Deleting while paging, as the SDK's own loop does.
for one in kept.list(metadata={"run": "first"}, limit=10):
    deleted = kept.delete(one.id)
    assert deleted.deleted and deleted.object == "chat.completion.deleted", deleted
assert [one.id for one in kept.list()] == [ids[4]]
print("deleted", len(ids) - 1)

for gone in [ids[0], unstored]:
    for call in [kept.retrieve, kept.delete, kept.messages.list, lambda id: kept.update(id, metadata={})]:
        try:
            call(gone)
            raise AssertionError("it is still there")
        except openai.NotFoundError as error:
            assert error.code == "not_found", error
try:
    client.delete("/chat/completions", cast_to=object)
    raise AssertionError("all were deleted at once")
except openai.APIStatusError as error:
    assert (error.status_code, error.code) == (405, "method_not_supported"), error
print("refused")
