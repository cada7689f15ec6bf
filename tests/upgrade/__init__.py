"""Upgrades in the middle of everything: databases that landed versions wrote, and what becomes of them."""
