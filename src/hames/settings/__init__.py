"""What users configure outside of the program: variables of the environment, and settings files.

`environ` is the typed view of all variables; a new one is one field there.

`effective` is what a session asks: it reads the `sources` (one class each), judges by `trust` what may
have come with the folder, and joins them by `merge`; every value keeps its source, file and line.
`schema` has the keys and their types; a new setting is one field there. `writing` changes files and
leaves the rest of their text as it is (`json_text`). `agent.settle` turns settings into options.
"""
