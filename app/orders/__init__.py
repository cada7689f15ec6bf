"""One order in hand: its row, its clocks, its stored facts and decisions; may import installation, policies,
messaging and the layers below. The snapshot and the one `apply` belong here.
"""
