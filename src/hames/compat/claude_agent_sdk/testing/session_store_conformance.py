"""The official name of the module with the test kit."""

from hames.compat.store_conformance import (
    run_session_store_conformance as run_session_store_conformance,
)
