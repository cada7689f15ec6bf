"""The sections of the policy document, a file for each subject; may import facts, reading and money. Rewards and
mandates get theirs here.
"""
