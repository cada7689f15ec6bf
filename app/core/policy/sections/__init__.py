"""The sections of the policy document, one file per subject; may import facts, reading and money. Rewards and
mandates go here.
"""
