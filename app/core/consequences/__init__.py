"""What news about an order leads to: pure functions from the order, the news, the policy and the time to a plan.

One `apply` (in `app/workflow`) writes a plan. May import everything else of the core.
"""
