"""Counts, score, identities, links and addresses of customers; may import orders and what lies below. Segments, care
and perception come here.
"""
