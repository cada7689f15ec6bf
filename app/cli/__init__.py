"""The command line, a file for each command; may import every room. A new command gets a file here and its line in
`commands`.
"""
