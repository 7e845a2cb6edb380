"""Sessions as they are stored: an append-only log of official JSONL lines.

    transcript   the codec: lines made as joins of bytes, and read without copying
    names        project keys and session ids
    store        what a store is; `files` and `memory` are the first two
    log          the end that a running session appends to; `git` tells it the branch
    resume       the way back: load, find, newest, new ids; `fork` copies a session
    chain        which lines are the conversation
    normalise    makes any history sendable; `sift` knows what is fine, `mend` mends the rest,
                 `media_bounds` keeps images within limits, `rules` is the judge
    check        whether a transcript can be continued
    listing      what lists show; `export` writes a session out, `edit` sets titles and tags

To add a store: a module with the methods of `store.Store`, and its name in the list of
`tests/sessions/test_stores.py`. Decision 0004 tells why it is like this.
"""
