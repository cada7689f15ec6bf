"""Tickets, questions and messages to customers; may import gathering, billing, customers and what lies below. Triage
and the entries of the labour ledger come here.
"""
