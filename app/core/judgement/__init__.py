"""Facts in, decision out: signals, scores, labour, outcome and course; may import policy, reading, facts and money.
New outcomes come here.
"""
