"""Names of the official Python SDKs on our parts: one import changes, the program stays.

    claude_agent_sdk, claude_code_sdk    the names, of today and of 2025
    client  query                        what programs call
    exchange  answers  run_end           one conversation by the stream protocol, whoever is at the other end
    inside  subprocess  transport        who that is: a session in this process, `cli_path`, the caller's own
    arguments  absent  stderr            options as flags; what there is not, by name; what is said besides
    messages  parse  errors  *_types     the official messages and types, and lines as such
    mcp_server  mcp_bridge  annotations  tools of the caller
    stores  store_conformance            session stores; how one is tested
    mirror  materialise                  a run copied to a store, and a store's session run again
    stored_sessions  store_sessions      functions about sessions on disk and in stores
    store_reading  forking               a caller's store as one of ours; copies as officially made

A session in this process is served by the same server that serves official clients, over lines in
memory. So both modes say and do the same, and what the server learns is there for compat as well.
"""
