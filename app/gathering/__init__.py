"""Everything that one decision sees: read from the panel and our tables, and made into facts; may import customers,
orders, enrichment and what lies below. A new fact comes here.
"""
