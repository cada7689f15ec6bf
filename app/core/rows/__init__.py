"""An order and what belongs to it, as they are stored, typed and frozen.

May import the judgement, the policy and the states. Next: what news about an order leads to, decided from these rows.
"""
