"""Figures to steer by, from the stored rows, and their charts."""
