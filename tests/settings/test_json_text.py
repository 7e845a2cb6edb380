"""JSON text: places of values, and changes that touch nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hames.errors import OptionsError
from hames.settings.json_text import Document, with_value, without

FILE = """{
    "model": "opus",
    "permissions": {
        "allow": ["Bash(ls)", "Read"],
        "deny": [
            "Bash(rm:*)",
            "Read(.env)"
        ]
    },
    "theme": "dark"
}
"""


def test_every_value_has_its_line() -> None:
    document = Document(FILE)
    paths = [("model",), ("permissions", "allow", 1), ("permissions", "deny", 1), ("theme",)]
    assert [document.line(path) for path in paths] == [2, 4, 7, 10]
    assert document.line(("nothing",)) is None


def test_a_changed_value_leaves_the_rest_of_the_text() -> None:
    assert with_value(FILE, ("model",), "haiku") == FILE.replace('"opus"', '"haiku"')


def test_an_added_key_takes_the_indentation_of_the_file() -> None:
    assert with_value(FILE, ("permissions", "ask"), ["Edit"]) == FILE.replace(
        '"Read(.env)"\n        ]\n',
        '"Read(.env)"\n        ],\n        "ask": [\n            "Edit"\n        ]\n',
    )


def test_lists_keep_to_one_line_or_to_many() -> None:
    changed = with_value(FILE, ("permissions", "allow"), ["Bash(ls)", "Read", "Glob"])
    assert changed == FILE.replace('"Read"]', '"Read", "Glob"]')
    changed = with_value(FILE, ("permissions", "deny"), ["Read(.env)"])
    assert changed == FILE.replace('            "Bash(rm:*)",\n', "")


def test_a_removed_key_leaves_neighbours_alone() -> None:
    assert without(FILE, ("theme",)) == FILE.replace(',\n    "theme": "dark"', "")
    assert without(FILE, ("model",)) == FILE.replace('"model": "opus",\n    ', "")
    assert without(FILE, ("no", "such")) == FILE


def test_an_empty_file_becomes_a_readable_one() -> None:
    made = with_value("{}\n", ("permissions", "allow"), ["Read"])
    assert made == '{\n  "permissions": {\n    "allow": [\n      "Read"\n    ]\n  }\n}\n'


def test_tabs_and_flat_files_stay_what_they_are() -> None:
    assert with_value('{\n\t"a": 1\n}', ("b",), {"c": 2}) == (
        '{\n\t"a": 1,\n\t"b": {\n\t\t"c": 2\n\t}\n}'
    )
    assert with_value('{"a": 1}', ("b",), [1, 2]) == '{"a": 1, "b": [1, 2]}'


def test_a_path_through_something_else_is_refused() -> None:
    with pytest.raises(OptionsError, match="`model` is no object"):
        with_value(FILE, ("model", "x"), 1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3),
    st.sampled_from([None, 2, "\t"]),
    VALUES,
)
def test_any_change_means_what_was_asked(
    raw: dict[str, object], indent: object, value: object
) -> None:
    text = json.dumps(raw, indent=indent, ensure_ascii=False)  # type: ignore[arg-type]
    assert json.loads(with_value(text, ("b",), value)) == {**raw, "b": value}
    assert json.loads(without(text, ("b",))) == {k: v for k, v in raw.items() if k != "b"}
