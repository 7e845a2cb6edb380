"""The agent: the loop, and what it asks for.

`loop` says what happens; `ask` gets a reply, `stops` judges how it ended, `calls` runs its calls past the
gate; `conversation` is what is sent, `prompts` what waits to be, `limits` what bounds it. `result` says
honestly how it ended. `hooks` is where users' hooks meet all that, `start` how a session begins, and
`build` the only file that knows how everything is put together.
"""
