"""Past orders with their facts as of their own time; may import gathering, customers and what is below."""
