"""One good tool among every kind of bad one."""

from wire import serve, tool


def deep(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def big():
    return {"type": "object", "properties": {f"p{i}": {"type": "string", "enum": ["x" * 60]} for i in range(12_000)}}


LOOP = {"type": "object", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}
TREE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "$defs": {
        "node": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}
    },
}

serve(
    lambda params: {
        "tools": [
            tool("good"),
            tool("tree", TREE),
            tool("wrong_type", {"type": "object", "properties": {"a": {"type": "strnig"}}}),
            tool("wrong_bound", {"type": "object", "properties": {"a": {"minLength": "three"}}}),
            tool("loop", LOOP),
            tool("self", {"type": "object", "$ref": "#"}),
            tool("remote", {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/canary.json"}}}),
            tool("dangling", {"type": "object", "properties": {"a": {"$ref": "#/$defs/nowhere"}}}),
            tool("deep", deep(90)),
            tool("big", big()),
            tool("no_object", {"type": "array"}),
            {"name": "no_schema"},
            {"inputSchema": {"type": "object"}},
            "not even an object",
            tool("bad name\x1b[2J"),
            tool("bad_output", outputSchema={"type": "object", "properties": {"a": {"maxLength": -1}}}),
        ]
    }
)
