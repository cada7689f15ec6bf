"""From WHMCS's answers to the records of `panels`, a file for each subject; may import `wire`, `amounts` and the
records.
"""
