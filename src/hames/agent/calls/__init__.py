"""Calls of the model: which tools there are, may a call run, running it, and what came of it.

toolset toolbox      which tools a session has, found by name
prepare  toolcalls   before a call runs, and running it
gate  askers  prompt_tool  planning    may it run, and who is asked
deferral  go_on      calls that wait for a decision
results  spilled     what the model and programs see of it
"""
