"""What it means that a connection could not be made, or was lost."""

from __future__ import annotations

from hames.errors import ProviderError


def lost(error: BaseException, url: str, *, made: bool = True) -> ProviderError:
    """The error of a connection. It is worth another try unless the certificate is not trusted."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__ == "ssl" and _distrust(cause):
            return ProviderError(
                f"No secure connection to `{url}`: {cause}. For a certificate authority of your own set "
                "`NODE_EXTRA_CA_CERTS` or `SSL_CERT_FILE`.",
                category="server_error",
                error_type="tls",
            )
        cause = cause.__cause__ or cause.__context__  # libraries do not always set the first
    what = "was lost" if made else "could not be made"
    return ProviderError(
        f"The connection to `{url}` {what}: {str(error) or type(error).__name__}",
        category="server_error",
        error_type="connection",
        retryable=True,
    )


def _distrust(error: BaseException) -> bool:
    import ssl

    return isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
