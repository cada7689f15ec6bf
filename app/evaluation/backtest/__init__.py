"""Backtests: the past decided again with a policy and reported; may import history and what is below."""
