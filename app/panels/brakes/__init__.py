"""What holds calls to a panel back: the shared rate, the circuit breaker, patience; may import `base`, tables and
db.
"""
