"""What `doorman doctor` checks, a file for each side of an installation; may import upkeep, panels and what lies
below. A new check comes here.
"""
