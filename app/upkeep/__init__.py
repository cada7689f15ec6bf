"""Automatic upkeep: sweeps, comparing, notifications, health; may import workflow and what is below. A new round goes
here.
"""
