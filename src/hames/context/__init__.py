"""What the model is told: prompts, environment, reminders, cache marks, and the request they make.

`request` joins the parts. Everything that stays the same during a session is encoded once, in
`Frame`; everything that changes stands in the log, so a request is a function of the two.
"""
