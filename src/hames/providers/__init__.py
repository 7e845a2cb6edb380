"""Talk to a model; one file per provider.

`protocol` says what a provider is: one async iterator of events. Around it: `ask` sends a request with
`clocks` and `retry` and has `assemble` fold the events into a reply. Below it: `http` (`direct` with
`http1`, or `proxied`; with `network`, `trust` and `lost`), `credentials`, `sse`, `unstreamed` and
`failures` are shared by providers that speak HTTP. `plays` is the vocabulary of `scripted`. To add a
provider: a module with a class that has `stream`, and a line in `PROVIDERS`; the shared provider tests
run over that table.
"""

PROVIDERS = {
    "anthropic": "hames.providers.anthropic:Anthropic",
    "scripted": "hames.providers.scripted:Scripted",
}
"""Name to `module:class`; a module is imported on first use."""
