"""Hooks: what a user's own commands, services and functions have to say about what the agent does.

`events` has one class for every event; its fields are the JSON that a hook receives. `config` reads the
official form of settings and options into a table. `runner` runs the hooks of an event side by side:
`command`, `callback`, `http` and `prompt` are the four ways to reach one, `outcome` is what they said.
Where events are fired is the agent's part (`agent.hooking`).

A new event is one class in `events` and one `fire` where it happens.
"""
