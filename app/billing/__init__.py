"""Credits, and counting for the damage limits; may import orders and the layers below. Mandates and rewards belong
here.
"""
