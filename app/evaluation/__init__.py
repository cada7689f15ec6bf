"""A policy on trial: backtest, candidate, learning, agreement; may import history, workflow and what lies below."""
