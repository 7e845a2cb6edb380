"""Checkpoints: how the files of a workspace stood at each prompt, so that they can be put back.

    objects      contents by their SHA-256, outside the workspace; sessions share them by hard links
    trees        a folder as a tree of objects; a cache of `stat` results makes an unchanged one cheap
    backups      files that tools wrote and no tree has, in the official form
    history      the transcript lines that name trees and backups, and what they say of a prompt
    rewind       what would have to change, and changing it without following links

`agent.checkpointing` takes them while a session runs; `hames session rewind` works on stored sessions.
Nothing here knows of git: index, stash, reflog and refs are in `.git`, which is never entered.
"""
