"""One prompt, one answer."""

from hames import AgentOptions, run

result = run("Which files are here? Name the largest.", AgentOptions(max_turns=5))
print(result.text)
print(f"${result.total_cost_usd:.4f}, {result.num_turns} turns, session {result.session_id}")
