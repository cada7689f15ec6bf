"""Fees, credits and damage limits; may import orders and the layers below. Mandates and rewards belong here."""
