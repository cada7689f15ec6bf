"""What a text says: requests, quantities and ticket topics, found by phrases; imports nothing of the core but money.
The learned ticket model comes here.
"""
