"""Prompts on their way to the model: those that wait, what they mention, and those that are commands."""
