"""Whether a call may run: one pure function over what the call touches."""
