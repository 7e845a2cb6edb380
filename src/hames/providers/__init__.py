"""Talk to a model; one file per provider.

`protocol` says what a provider is. `http`, `sse`, `clocks`, `retry`, `assemble` and `credentials` are
shared by providers. To add one: a module with a class that has `stream`, and a line in `PROVIDERS`;
the shared provider tests run over that table.
"""

PROVIDERS = {
    "anthropic": "hames.providers.anthropic:Anthropic",
    "scripted": "hames.providers.scripted:Scripted",
}
"""Name to `module:class`; a module is imported on first use."""
