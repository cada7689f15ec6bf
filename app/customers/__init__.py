"""Counts, score, identities, links and addresses of customers; may import orders and the layers below. Segments, care
and perception belong here.
"""
