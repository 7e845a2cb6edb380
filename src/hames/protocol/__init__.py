"""The stream protocol: what official clients read and write.

`wire` turns events into stream-json lines, `output` writes lines to a descriptor without blocking the
event loop, `input` reads them. `server` serves a client: `prompts` and control requests come in
(`requests`, one function each in `handlers`; `bring` for what comes with `initialize`), `questions` go out:
about permissions (`asking`), to the client's hooks (`client_hooks`) and tools (`client_servers`, together
`client_tools`), for those to its user (`elicitation`).

`lines` has the type of every line, `answers` those of answers; `schema` makes `schema.json` of them, which `hames schema` prints.
"""
