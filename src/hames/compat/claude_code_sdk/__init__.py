"""The names of `claude_code_sdk` (0.0.21, of 2025): change the import, keep the program.

Two defaults of that time are kept: without `system_prompt` there is the built-in one, and all settings
files are read. Messages and tools are those of `hames.compat.claude_agent_sdk`, which have more fields.
"""

from __future__ import annotations

from hames.compat.claude_code_sdk.client import ClaudeSDKClient, query
from hames.compat.claude_code_sdk.types import ClaudeCodeOptions
from hames.compat.errors import (
    ClaudeSDKError,
    CLIConnectionError,
    CLIJSONDecodeError,
    CLINotFoundError,
    ProcessError,
)
from hames.compat.mcp_server import SdkMcpTool, create_sdk_mcp_server, tool
from hames.compat.messages import (
    AssistantMessage,
    ContentBlock,
    Message,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)
from hames.compat.permission_types import (
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDeny,
    PermissionUpdate,
)
from hames.compat.server_types import McpSdkServerConfig, McpServerConfig
from hames.compat.transport import Transport
from hames.messages import PermissionMode

__version__ = "0.0.21"

__all__ = [
    "AssistantMessage",
    "CLIConnectionError",
    "CLIJSONDecodeError",
    "CLINotFoundError",
    "ClaudeCodeOptions",
    "ClaudeSDKClient",
    "ClaudeSDKError",
    "ContentBlock",
    "McpSdkServerConfig",
    "McpServerConfig",
    "Message",
    "PermissionMode",
    "PermissionResult",
    "PermissionResultAllow",
    "PermissionResultDeny",
    "PermissionUpdate",
    "ProcessError",
    "ResultMessage",
    "SdkMcpTool",
    "SystemMessage",
    "TextBlock",
    "ThinkingBlock",
    "ToolResultBlock",
    "ToolUseBlock",
    "Transport",
    "UserMessage",
    "create_sdk_mcp_server",
    "query",
    "tool",
]
