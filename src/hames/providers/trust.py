"""Which servers are trusted: the system's authorities, or the user's own, loaded only for TLS."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hames.errors import OptionsError

if TYPE_CHECKING:
    import ssl

BUNDLES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
"""Where systems keep their authorities when OpenSSL was built for another place."""


def context(ca_file: str | None, extra_ca_file: str | None) -> ssl.SSLContext:
    """Trust in the authorities of `ca_file`, else of the system, and those of `extra_ca_file`.

    Raises OptionsError for a file that cannot be read.
    """
    import ssl

    if ca_file is None:
        found = _of_the_system()
    else:
        with _certificates("SSL_CERT_FILE", ca_file):
            found = ssl.create_default_context(cafile=ca_file)
    if extra_ca_file is not None:
        with _certificates("NODE_EXTRA_CA_CERTS", extra_ca_file):
            found.load_verify_locations(extra_ca_file)
    return found


def _of_the_system() -> ssl.SSLContext:
    import ssl

    if sys.platform != "linux":
        import httpx2  # asks the system's own store, for which there is no file

        return httpx2.create_ssl_context(trust_env=False)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Not `set_default_verify_paths()`: it would read `SSL_CERT_*` of the environment.
    paths = ssl.get_default_verify_paths()
    file = paths.openssl_cafile if os.path.isfile(paths.openssl_cafile) else None
    folder = paths.openssl_capath if _has_certificates(paths.openssl_capath) else None
    if file is None and folder is None:
        file = next(filter(os.path.isfile, BUNDLES), None)
    if file or folder:
        found.load_verify_locations(file, folder)
    return found


def _has_certificates(folder: str) -> bool:
    """Whether the folder holds certificates under the names by which OpenSSL finds them."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(len(name) > 9 and name[8] == "." and name[9:].isdigit() for name in names)


@contextmanager
def _certificates(name: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # `ssl.SSLError` is one
        raise OptionsError(
            f"The certificates in `{path}` (`{name}`) cannot be read: {error}."
        ) from error
