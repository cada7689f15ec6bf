"""The trained model of texts: what a ticket is about, and whether it asks us to order. It reckons in whole numbers,
so that every machine reads the same.
"""
