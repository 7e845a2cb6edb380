"""What users configure outside of the program: variables of the environment.

`environ` is the typed view of all variables; a new one is one field there. `agent.build` reads it.
"""
