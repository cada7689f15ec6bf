"""Trying out policies: backtest, candidate, learning, agreement; may import history, workflow and what is below."""
