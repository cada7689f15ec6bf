"""The show: sandbox, service and a stream of orders on one command; may import sandbox, installation and what lies
below.
"""
