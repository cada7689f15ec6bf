"""The command line, a file for each command; may import every package. A new command gets a file here and an entry in
`commands`.
"""
