"""Tickets, questions and messages to customers; may import gathering, billing, customers and the layers below. Triage
and the entries of the labour ledger belong here.
"""
