"""`hames demo`: an agent finds, fixes and commits, in a scratch folder.

Loop, tools, permissions and session log are the real ones; only what the model says is recorded
(`recording.json`, played by `recording`). `scratch` makes the project it works in from `project/`, `screen`
shows what happens. With `--live` the same task goes to the real model.
"""
