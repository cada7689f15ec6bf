"""What the API answers: frozen records made from rows; may import workflow, evaluation and what lies below. A column
of the queue or a field of an order comes here.
"""
