"""The checks of `doorman doctor`, a file for each part of an installation; may import upkeep, panels and what is
below. A new check goes here.
"""
