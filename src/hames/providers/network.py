"""How the outside is reached: proxies, exceptions from them, and certificates."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """How the outside is reached."""

    https_proxy: str | None = None
    http_proxy: str | None = None
    no_proxy: str | None = None
    """Hosts reached directly: names with their subdomains, addresses, networks, `*`."""
    ca_file: str | None = None
    """Certificate authorities instead of the system's."""
    extra_ca_file: str | None = None
    """Certificate authorities besides the others."""

    def proxy_for(self, url: str) -> str | None:
        """The proxy for a URL, None for a direct connection."""
        parts = urlsplit(url)
        proxy = self.https_proxy if parts.scheme == "https" else self.http_proxy
        if not proxy or _is_direct(self.no_proxy or "", parts.hostname or "", parts.port):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"


def _is_direct(no_proxy: str, host: str, port: int | None) -> bool:
    """Whether a host is excepted. A name covers its subdomains, with or without a leading dot."""
    host = host.lower().rstrip(".")
    for entry in no_proxy.replace(",", " ").lower().split():
        name, entry_port = _split_port(entry.removeprefix("*."))
        if entry_port is not None and entry_port != port:
            continue
        name = name.lstrip(".")
        if entry == "*" or host == name or (name and host.endswith(f".{name}")):
            return True
        if "/" in name and _in_network(host, name):
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        address, _, rest = entry[1:].partition("]")
        return address, int(rest[1:]) if rest[1:].isdigit() else None
    name, colon, port = entry.partition(":")
    if colon and port.isdigit():
        return name, int(port)
    return entry, None  # an address of version 6 has more colons


def _in_network(host: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
