"""A decision in words, for its customer and for staff, and the prices; may import policy, reading, facts and the
rest of the judgement.
"""
