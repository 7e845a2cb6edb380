"""Sessions as they are stored: an append-only log of official JSONL lines.

`transcript` is the codec, `store` what a store is, `files` and `memory` the first two, `log` the end
that a running session appends to, `resume` the way back, `normalise` what makes any history sendable.
"""
