"""Fees, credits and damage limits; may import orders and what lies below. Mandates and rewards come here."""
