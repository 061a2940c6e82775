#!/usr/bin/env python3
"""Holds schemas/wire/openai to a published description of OpenAI's API.

    scripts/wire-schemas.py DIR

DIR holds, for each schema here, a file of the same name: {"root": NAME, "schemas": {NAME: schema, …}}, the part of the OpenAPI
description that a reply refers to. Members, types, what is required, and words of enumerations are compared, wherever both
have the member. Differences that are meant stand in DECLARED, with the reason; any other is printed, and the exit code is 1.
"""

import fnmatch
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent / "schemas" / "wire" / "openai"
# The description has one schema for both forms of a completion, and of embeddings.
SAME = {"completion-chunk.json": "completion.json", "embeddings-base64.json": "embeddings.json"}

# File and place, in which * stands for anything; why ours is another. Below a place that is left open nothing is compared.
DECLARED = [
    ("*", "*.caller{*}: left open", "who called a tool is left open: no client reads it"),
    ("*", "*tools[]{*}: left open", "what was asked comes back; whoever asked knows it"),
    ("*", "*text.format{*}: left open", "what was asked comes back"),
    ("*", "*tool_choice{*}: left open", "what was asked comes back"),
    ("*", "*tool_choice: words *", "what was asked comes back: a word or an object"),
    ("*", "*instructions*", "what was asked comes back: a text or a list"),
    ("*", "*prompt.variables*", "what was asked comes back"),
    ("*", "*model: words *", "models come and go"),
    ("*", "*prompt_cache_options.*: words *", "they come and go"),
    ("*", "*reasoning.mode: words *", "they come and go"),
    ("*", "*error.code: words *", "they come and go"),
    ("*", "*{mcp_call}.error{*}: left open", "errors of others' servers: only that it is an object"),
    ("*", "*input_tokens_details: required *cache_write_tokens*", "added later: older replies have none"),
    ("chat-completion.json", "*.annotations[]{url_citation}: not there", "open at the end: a type of its own is no fault"),
    ("completion-chunk.json", "choices[]: required *finish_reason*", "null until the end"),
    ("completion*.json", "choices[].logprobs.*: *null*", "the first token of an echoed prompt has none"),
    ("embeddings-base64.json", "data[].embedding: *", "a text where base64 was asked for, unless the server ignores it"),
    ("response-stream-event.json", "{response.function_call_arguments.done}: required *name*", "added later: older replies have none"),
    ("response-stream-event.json", "{response.output_text.delta}.obfuscation: not there", "the guide to streaming has it"),
    ("response*.json", "*{message}.content[]{reasoning_text}: not there", "parts are one schema, in messages and in events"),
    ("response*.json", "*{mcp_list_tools}.tools[].*: only here", "their names are data"),
]
for kind in [
    "function_call_output", "computer_call", "computer_call_output", "program", "program_output", "tool_search_call",
    "tool_search_output", "additional_tools", "compaction", "local_shell_call", "local_shell_call_output", "shell_call",
    "shell_call_output", "apply_patch_call", "apply_patch_call_output", "mcp_approval_response", "custom_tool_call_output",
]:
    DECLARED.append(("response*.json", f"*{{{kind}}}: not here", "tools that only Responses have: left open until suites use them"))
for event in ["response.shell_call_output_content.delta", "response.shell_call_output_content.done"]:
    DECLARED.append(("response*.json", f"{{{event}}}: not here", "left open, as its tool is"))


class Shape:
    """What a schema says, however it says it."""

    def __init__(self):
        self.types, self.words, self.members, self.required = set(), set(), {}, set()
        self.items = self.others = None
        self.kinds = {}

    def add(self, other):
        self.types |= other.types
        self.words |= other.words
        self.members.update(other.members)
        self.required |= other.required
        self.items = self.items or other.items
        self.others = self.others or other.others
        self.kinds.update(other.kinds)


def read(schema, resolve):
    """The shape of a schema; `resolve` takes a reference to the schema and the resolver there."""
    if "$ref" in schema:
        target, there = resolve(schema["$ref"])
        shape = read(target, there)
        if schema.get("nullable"):
            shape.types.add("null")
        return shape
    shape = Shape()
    types = schema.get("type", [])
    shape.types = set([types] if isinstance(types, str) else types)
    if schema.get("nullable"):
        shape.types.add("null")
    words = schema.get("examples", schema.get("enum", [])) + ([schema["const"]] if "const" in schema else [])
    shape.words = {word for word in words if word is not None}
    shape.members = {name: (member, resolve) for name, member in schema.get("properties", {}).items()}
    shape.required = set(schema.get("required", []))
    if "items" in schema:
        shape.items = (schema["items"], resolve)
    if isinstance(schema.get("additionalProperties"), dict):
        shape.others = (schema["additionalProperties"], resolve)
    for kind, reference in schema.get("discriminator", {}).get("mapping", {}).items():
        shape.kinds[kind] = ({"$ref": reference}, resolve)
    for part in schema.get("allOf", []):
        shape.add(read(part, resolve))
    branches = [(part, read(part, resolve)) for part in schema.get("oneOf", []) + schema.get("anyOf", [])]
    objects = [(part, branch) for part, branch in branches if "object" in branch.types or branch.members]
    for part, branch in branches:
        if len(objects) < 2 or (part, branch) not in objects:
            shape.add(branch)
    if len(objects) > 1:
        shape.types.add("object")
        for part, branch in objects:
            shape.kinds.update(branch.kinds)
            kind = read(*branch.members["type"]) if "type" in branch.members else None
            for word in kind.words if kind else []:
                shape.kinds[word] = (part, resolve)
    if shape.members and not shape.types:
        shape.types.add("object")
    return shape


def required(shape):
    """What must be there: only members that may not be null."""
    return {name for name in shape.required if name in shape.members and "null" not in read(*shape.members[name]).types}


def compare(place, ours, theirs, seen):
    """Differences below a place, as texts `place: what`."""
    key = (id(ours[0]), id(theirs[0]))
    if key in seen:
        return
    seen = seen | {key}
    mine, other = read(*ours), read(*theirs)
    if mine.types - {"null"} != other.types - {"null"} or "null" in (mine.types ^ other.types) and is_item(place):
        yield f"{place}: {sorted(mine.types)}, there {sorted(other.types)}"
    if mine.words != other.words and mine.types & {"string"}:
        yield f"{place}: words {sorted(mine.words ^ other.words)} only here or there"
    if not mine.kinds and not other.kinds:
        for name in sorted(mine.members.keys() ^ other.members.keys()):
            yield f"{dot(place, name)}: not {'there' if name in mine.members else 'here'}"
        if required(mine) != required(other):
            yield f"{place}: required {sorted(required(mine) ^ required(other))} only here or there"
        for name in sorted(mine.members.keys() & other.members.keys()):
            yield from compare(dot(place, name), mine.members[name], other.members[name], seen)
    elif not mine.kinds and set(mine.members) <= {"type"}:
        yield f"{place}{{*}}: left open"
    else:
        for kind in sorted(mine.kinds.keys() ^ other.kinds.keys()):
            yield f"{place}{{{kind}}}: not {'there' if kind in mine.kinds else 'here'}"
        for kind in sorted(mine.kinds.keys() & other.kinds.keys()):
            yield from compare(f"{place}{{{kind}}}", mine.kinds[kind], other.kinds[kind], seen)
    for one, two, mark in [(mine.items, other.items, "[]"), (mine.others, other.others, ".*")]:
        if one and two:
            yield from compare(place + mark, one, two, seen)
        elif one or two:
            yield f"{place}{mark}: only {'here' if one else 'there'}"


def is_item(place):
    """Whether null there is no member that is absent."""
    return place.endswith(("[]", ".*"))


def dot(place, name):
    return f"{place}.{name}" if place else name


def at(document, pointer):
    for step in pointer.strip("/").split("/") if pointer else []:
        document = document[step]
    return document


def of_ours(path):
    """A resolver of references in a file of ours."""
    document = json.loads(path.read_text())

    def resolve(reference):
        other, _, pointer = reference.partition("#")
        if not other:
            return at(document, pointer), resolve
        target, there = of_ours(path.parent / other)
        return at(target, pointer), there

    return document, resolve


def of_theirs(path):
    document = json.loads(path.read_text())

    def resolve(reference):
        return document["schemas"][reference.rsplit("/", 1)[1]], resolve

    return document["schemas"][document["root"]], resolve


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder, undeclared, used = pathlib.Path(sys.argv[1]), 0, set()
    for path in sorted(HERE.glob("*.json")):
        published = folder / SAME.get(path.name, path.name)
        if path.name == "common.json":
            continue
        if not published.exists():
            sys.exit(f"{published}: there is no such file")
        for difference in dict.fromkeys(compare("", of_ours(path), of_theirs(published), frozenset())):
            matching = {d for d in DECLARED if fnmatch.fnmatch(path.name, d[0]) and fnmatch.fnmatchcase(difference.replace("[]", "()"), d[1].replace("[]", "()"))}
            used |= matching
            if not matching:
                undeclared += 1
                print(f"{path.name}: {difference}")
    for file, place, reason in DECLARED:
        if (file, place, reason) not in used:
            print(f"no difference any more: {file} {place} ({reason})")
    print(f"{undeclared} undeclared differences, {len(used)} of {len(DECLARED)} declared ones")
    sys.exit(1 if undeclared else 0)


if __name__ == "__main__":
    main()
