"""How a session begins: options and settings, which stored session, what requests have in common.

What settings may change on the way stands here as well (`reconfigure`, `reloading`).
"""
