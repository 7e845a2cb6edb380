"""The bench works: one row is measured, told of and written down. No figure is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench` stands beside the package and is not installed."""
    monkeypatch.syspath_prepend(str(REPOSITORY))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.mark.usefixtures("bench")
def test_a_row_is_measured_and_compared_with_the_bare_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.__main__ import main

    written = tmp_path / "figures.json"
    assert main(["--only", "hello", "--runs", "1", "--json", str(written)]) == 0
    assert "| `-p` hello, start to exit | s CPU |" in capsys.readouterr().out
    rows = json.loads(written.read_text(encoding="utf-8"))["rows"]
    assert rows.keys() == {"hello", "hello-memory"}
    assert all(
        figure > 0 for row in rows.values() for runs in row["runs"].values() for figure in runs
    )
    assert rows["hello"]["runs"].keys() == {"hames", "bare"}


@pytest.mark.usefixtures("bench")
def test_the_coding_play_works_on_its_repository_without_a_failure(tmp_path: Path) -> None:
    from bench.apis import Api

    from bench import coding, subjects

    coding.make_repository(tmp_path / "books")
    log = tmp_path / "requests.jsonl"
    with Api(account=log) as api:
        subjects.hames(tmp_path / "homes").cli(
            api.url, tmp_path / "books", coding.task(tmp_path / "books")
        )
    requests = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(requests) == coding.TURNS + 1
    assert [request["failed_calls"] for request in requests] == [0] * len(requests)


@pytest.mark.usefixtures("bench")
def test_an_unknown_row_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    from bench.__main__ import main

    with pytest.raises(SystemExit):
        main(["--only", "speed"])
    assert "There is no row `speed`." in capsys.readouterr().err


@pytest.mark.usefixtures("bench")
def test_the_table_takes_the_place_of_the_former_one(tmp_path: Path) -> None:
    from bench.table import BEGIN, END, put_into

    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{BEGIN}\n\nold\n\n{END}\n\nAfter.\n", encoding="utf-8")
    put_into(page, "new")
    assert page.read_text(encoding="utf-8") == f"Before.\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter.\n"


@pytest.mark.usefixtures("bench")
def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    from bench.measure import BenchError
    from bench.table import put_into

    page = tmp_path / "page.md"
    page.write_text("Nothing.\n", encoding="utf-8")
    with pytest.raises(BenchError, match="has no lines"):
        put_into(page, "new")


@pytest.mark.usefixtures("bench")
def test_a_client_over_stream_json_is_compared_with_the_same_session_in_process(
    tmp_path: Path,
) -> None:
    from bench.apis import Api

    from bench import rows, subjects

    with Api() as api:
        bench = rows.Bench([subjects.hames(tmp_path / "hames")], api, tmp_path, 1)
        found = rows.protocol(bench)
    assert found.keys() == {"initialize", "stream", "stream-ratio"}
    assert all(by_subject["hames"][0] > 0 for by_subject in found.values())
