"""How tools reach disk and processes, and what bounds them.

`machine` is the seam, `local` this computer, `workspace` the values a session works with. Every
machine passes `hames.testing.machine_conformance`.
"""
