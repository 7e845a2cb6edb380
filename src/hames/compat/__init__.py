"""Names of the official Python SDKs on our parts: one import changes, the program stays.

    claude_agent_sdk, claude_code_sdk    the names, of today and of 2025
    client  query                        what programs call
    exchange  answers  run_end           one conversation by the stream protocol, whoever is at the other end
    inside  subprocess  transport        who that is: a session in this process, `cli_path`, the caller's own
    arguments  inquiry  absent           options as flags and `initialize`; what there is not, by name
    messages  parse                      the official messages, and lines as such
    mcp_server  mcp_bridge               tools of the caller
    stores  store_reading  store_sessions  mirror  materialise    session stores
    stored_sessions                      sessions on disk

A session in this process is served by the same server that serves official clients, over lines in
memory. So both modes say and do the same, and what the server learns is there for compat as well.
"""
