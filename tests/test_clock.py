"""Time and ids in the forms that transcripts and clients expect."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import RFC_4122, UUID

from hames._clock import Clock, Ids


class Fixed(Clock):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def test_time_stamps_have_milliseconds_even_when_there_are_none():
    assert (
        Fixed(datetime(2026, 1, 2, 3, 4, 5, 678_999, UTC)).timestamp() == "2026-01-02T03:04:05.678Z"
    )
    assert Fixed(datetime(2026, 1, 2, tzinfo=UTC)).timestamp() == "2026-01-02T00:00:00.000Z"


def test_ids_are_random_uuids_of_version_4():
    ids = Ids()
    made = {ids.uuid() for _ in range(1000)}
    assert len(made) == 1000
    for one in made:
        uuid = UUID(one)
        assert (str(uuid), uuid.version, uuid.variant) == (one, 4, RFC_4122)


def test_short_ids_have_eight_digits():
    ids = Ids()
    one, other = ids.short("b"), ids.short("b")
    assert one != other
    assert (one[0], len(one), one[1:].isalnum()) == ("b", 9, True)
