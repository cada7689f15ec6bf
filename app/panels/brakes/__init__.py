"""Limits on calls to a panel: the shared rate, the circuit breaker, retries; may import `base`, tables and
db.
"""
