"""The JSON Schema of the stream protocol, made from `lines` and `requests`.

`schema.json` beside this file is what `scripts/protocol-schema` wrote; `hames schema` prints it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hames.protocol import answers, lines, requests

VERSION = 1
"""Counted up when a line that was valid before is not any more."""

FILE = Path(__file__).with_name("schema.json")
READ = (lines.PromptLine, lines.AnswerLine, lines.CancelLine, lines.KeepAlive)
"""What a client may write, its requests apart."""


def schema() -> dict[str, Any]:
    """The whole schema. `$defs` has `Output` and `Input`, and every kind of line and request.

    `answers` says for each request what the `response` of its answer holds, if there is one.
    """
    asked = list(requests.subtypes().values())
    kinds = list(dict.fromkeys([*lines.written(), *READ, *asked, *answers.ANSWERS.values()]))
    references, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    by_kind = dict(zip(kinds, references, strict=True))
    parts["RequestLine"] = {
        "title": "RequestLine",
        "description": "A client asks Hames.",
        "type": "object",
        "properties": {
            "type": {"enum": ["control_request"]},
            "request_id": {"type": "string", "minLength": 1},
            "request": {"anyOf": [by_kind[kind] for kind in asked]},
        },
        "required": ["type", "request_id", "request"],
    }
    read = [by_kind[kind] for kind in READ]
    parts["Output"] = {
        "description": "A line that Hames writes.",
        "anyOf": [by_kind[kind] for kind in lines.written()],
    }
    parts["Input"] = {
        "description": "A line that a client writes. Other types are passed over.",
        "anyOf": [*read, {"$ref": "#/$defs/RequestLine"}],
    }
    answered = {
        name: by_kind[answers.ANSWERS[kind]]
        for name, kind in requests.subtypes().items()
        if kind in answers.ANSWERS
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Hames stream protocol",
        "description": "One JSON object per line. Further fields are allowed everywhere.",
        "version": VERSION,
        "answers": dict(sorted(answered.items())),
        "anyOf": [{"$ref": "#/$defs/Output"}, {"$ref": "#/$defs/Input"}],
        "$defs": dict(sorted(parts.items())),
    }


def text() -> str:
    """The schema as it is stored."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=1).decode() + "\n"
