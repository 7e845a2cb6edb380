"""The agent: the loop, and what it asks for.

`loop` says what happens; `ask` gets a reply, `stops` judges how it ended, `toolcalls` runs its calls
past the `gate`; `conversation` is what is sent, `inbox` what waits, `limits` what bounds it. `result`
says honestly how it ended. `build` is the only file that knows how everything is put together.
"""
