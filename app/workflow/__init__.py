"""What moves an order: events, clocks, people and the gate. Each gathers news, has the core make a plan, and applies
it; may import tickets, gathering, billing, customers and the layers below. Another kind of event belongs here.
"""
