"""Views: the frozen records that the API returns, made from rows; may import workflow, evaluation and what is below.
A new column of the queue or field of an order goes here.
"""
