"""The official test kit for session stores."""

from hames.compat.store_conformance import (
    run_session_store_conformance as run_session_store_conformance,
)

__all__ = ["run_session_store_conformance"]
