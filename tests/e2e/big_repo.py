"""A git repository of some size: hundreds of files, a failing test, and files that are easily damaged."""

from __future__ import annotations

import json

from hames.testing.scratch_repo import ScratchRepo

AREAS = ("billing", "catalogue", "delivery", "orders", "stock", "users")
RATES = '''"""Tax rates by country."""

RATES = {"at": 20, "de": 19, "fr": 20, "it": 22}


def rate_for(country):
    return RATES[country]


def with_tax(cents, country):
    """Net cents plus tax, rounded to the nearest cent."""
    return cents + int(cents * rate_for(country) / 100)
'''
TEST = """import unittest

from shop.tax.rates import with_tax


class Tax(unittest.TestCase):
    def test_is_rounded_to_the_nearest_cent(self):
        self.assertEqual(with_tax(999, "de"), 1189)

    def test_is_added(self):
        self.assertEqual(with_tax(1000, "it"), 1220)
"""
CRLF = "[shop]\r\nname=Caf\u00e9\r\ncurrency=EUR\r\n"


def fill(repo: ScratchRepo) -> None:
    """Write and commit about 400 files."""
    files = {"shop/__init__.py": "", "shop/tax/__init__.py": "", "tests/__init__.py": ""}
    for area in AREAS:
        files[f"shop/{area}/__init__.py"] = f'"""All about {area}."""\n'
        for number in range(60):
            name = f"{area}_{number:03}"
            files[f"shop/{area}/{name}.py"] = (
                f'"""{name}."""\n\nfrom shop.tax import rates\n\n\n'
                f"def {name}(cents):\n    return rates.with_tax(cents, 'de') + {number}\n"
            )
    files |= {
        "shop/tax/rates.py": RATES,
        "tests/test_rates.py": TEST,
        "notes/rates.ipynb": notebook(),
        "node_modules/left/index.js": "rate_for // nobody's business\n",
        ".gitignore": "node_modules/\n__pycache__/\n",
    }
    repo.write(files)
    (repo.path / "shop.ini").write_bytes(b"\xef\xbb\xbf" + CRLF.encode())
    script = repo.path / "deploy.sh"
    script.write_bytes(b"#!/bin/sh\necho deploying\nexit 0")
    script.chmod(0o755)
    repo.commit("Fill the shop")


def notebook() -> str:
    def cell(id: str, source: str) -> dict[str, object]:
        return {
            "cell_type": "code", "execution_count": 1, "id": id, "metadata": {},
            "outputs": [], "source": [source],
        }  # fmt: skip

    whole = {
        "cells": [cell("first", "print(1)"), cell("second", "print(2)")],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1) + "\n"
