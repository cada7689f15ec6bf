"""Maps WHMCS's answers to the records of `panels`, one file per subject; may import `wire`, `amounts` and the
records.
"""
