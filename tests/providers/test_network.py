"""Proxies and exceptions from them."""

from __future__ import annotations

import pytest

from hames.providers.network import Network


def test_a_proxy_is_chosen_by_scheme():
    network = Network(https_proxy="http://a:1", http_proxy="b:2")
    assert network.proxy_for("https://x.com/v1") == "http://a:1"
    assert network.proxy_for("http://x.com/v1") == "http://b:2"
    assert Network(https_proxy="http://a:1").proxy_for("http://x.com") is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "https://api.com", True),
        ("api.com", "https://api.com", True),
        ("api.com", "https://eu.api.com", True),
        (".api.com", "https://eu.api.com", True),
        (".api.com", "https://api.com", True),
        ("*.api.com", "https://eu.api.com", True),
        ("api.com", "https://myapi.com", False),
        ("API.com.", "https://api.com", False),
        ("api.com:8443", "https://api.com:8443", True),
        ("api.com:8443", "https://api.com", False),
        ("x.org, 127.0.0.1", "https://127.0.0.1:9", True),
        ("x.org 10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://api.com", False),
        ("::1", "https://[::1]:9", True),
        ("[::1]:9", "https://[::1]:9", True),
        ("", "https://api.com", False),
    ],
)
def test_hosts_are_excepted(no_proxy: str, url: str, direct: bool):
    network = Network(https_proxy="http://proxy:1", no_proxy=no_proxy)
    assert network.proxy_for(url) == (None if direct else "http://proxy:1")
