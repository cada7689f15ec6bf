"""The demo: sandbox, service and a stream of orders in one command. It may import sandbox, installation and lower
layers.
"""
