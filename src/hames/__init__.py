"""Hames: the agent harness as a library."""
