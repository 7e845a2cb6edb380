"""How tools reach disk and processes, and what bounds them.

`machine` is the seam, `guard` closes files on it, and `local` is this computer, made of `files`,
`processes` (children and their output), `trees` (all that a child has started) and `host` (nothing
outlives us). `recording` keeps what a command prints, `environment` says what children get, `workspace`
holds the values a session works with. Every machine passes `hames.testing.machine_conformance`.
"""
