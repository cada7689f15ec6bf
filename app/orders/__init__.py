"""One order, locked and read with all that belongs to it; may import the context, policies, installation, messaging and
the layers below.
"""
