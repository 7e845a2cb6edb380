"""Check `src/hames/prices.json` against the `genai-prices` package, or write it anew.

pip install genai-prices          (in an environment of its own)
python scripts/check_prices.py    exit code 1 and a list when something differs
python scripts/check_prices.py --write
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genai_prices import data_snapshot

from hames.models import canonical

TABLE = Path(__file__).resolve().parents[1] / "src" / "hames" / "prices.json"
FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "write_5m": "cache_write_mtok",
    "write_1h": "cache_write_1h_mtok",
    "read": "cache_read_mtok",
    "search": "web_searches_kcount",
}


def main() -> int:
    """Compare or write; returns the exit code."""
    found = current()
    if "--write" in sys.argv:
        table = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "unit": "USD per million tokens; `search` per thousand searches",
            "models": found,
        }
        TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        return 0
    ours = json.loads(TABLE.read_text(encoding="utf-8"))["models"]
    wrong = [name for name in sorted({*ours, *found}) if ours.get(name) != found.get(name)]
    for name in wrong:
        print(f"{name}\n  ours   {ours.get(name)}\n  theirs {found.get(name)}")
    return 1 if wrong else 0


def current() -> dict[str, dict[str, Any]]:
    """Today's list prices of all Claude models that have cache prices."""
    anthropic = next(p for p in data_snapshot.get_snapshot().providers if p.id == "anthropic")
    table = {}
    for model in anthropic.models:
        price = model.get_prices(datetime.now(UTC))
        if price.cache_write_mtok is None:
            continue
        row = _rates(price, tier=None)
        if start := _tier(price):
            row["above"] = {"tokens": start, **_rates(price, tier=start)}
        for variant in model.price_variants or ():
            if variant.when == {"speed": "fast"}:
                row["fast"] = {**_rates(variant.prices, tier=None), "search": row["search"]}
        table[canonical(model.id)] = row
    return table


def _rates(price: Any, *, tier: int | None) -> dict[str, float]:
    rates = {}
    for ours, theirs in FIELDS.items():
        rate = getattr(price, theirs)
        if hasattr(rate, "base"):
            rate = next(t.price for t in rate.tiers if t.start == tier) if tier else rate.base
        rates[ours] = float(rate or 0)
    return rates


def _tier(price: Any) -> int | None:
    starts = {
        t.start for name in FIELDS.values() for t in getattr(getattr(price, name), "tiers", ())
    }
    assert len(starts) <= 1, f"prices with several tiers are not supported: {starts}"
    return next(iter(starts), None)


if __name__ == "__main__":
    sys.exit(main())
