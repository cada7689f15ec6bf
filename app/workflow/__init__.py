"""What moves an order: events, clocks, people and the gate; may import tickets, gathering, billing, customers and
the layers below. A new event or clock, such as a reminder, belongs here.
"""
