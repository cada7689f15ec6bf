"""Everything that one decision sees: read from the panel and our tables, and turned into facts; may import customers,
orders, enrichment and the layers below. A new fact belongs here.
"""
