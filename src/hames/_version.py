"""The two version numbers: ours, and the one official clients look for."""

__version__ = "0.1.0"

COMPATIBLE_VERSION = "2.1.330"
"""Version of the reference command line whose behaviour we follow; official clients parse it."""
