"""Every finding that changes a score, and the catalogue that explains them; may import policy, reading and facts. A
new risk signal goes into `risk`.
"""
