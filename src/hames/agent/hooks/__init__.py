"""Where hooks meet the agent: `firing` says when, `words` what follows, `questions` asks models."""
