"""The official name of the module with the client."""

from hames.compat.client import ClaudeSDKClient as ClaudeSDKClient
