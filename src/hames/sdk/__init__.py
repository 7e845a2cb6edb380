"""The native door: what a Python program uses.

`query` and `run` answer prompts, `client` holds a conversation, `tool` makes tools of functions.
`supervisor` drives a session in its own task; `stream` turns what it emits into messages; `world`
bridges callers in other loops, threads and Trio.
"""
