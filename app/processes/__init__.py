"""The long-running programs: `serve` with its API processes, and the worker; may import the API, upkeep and what is
below.
"""
