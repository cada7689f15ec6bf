"""What a text says: requests and quantities, found by phrases, and ticket topics, read by a trained model; imports
nothing of the core but money.
"""
