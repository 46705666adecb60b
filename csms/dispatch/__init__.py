"""The loop: measure, AC state, bias, solve, AC verify, round, verify again, send only what changed."""
