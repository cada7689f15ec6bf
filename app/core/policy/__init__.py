"""The provider's document: its model, reading, checking, comparing; may import facts, reading and money. New
sections go into `sections`.
"""
