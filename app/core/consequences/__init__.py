"""What follows for an order from news about it: pure, from the order as it was read to what is to be written.

May import the judgement, the policy and the states. Next into it: mandates, rewards, escalations.
"""
