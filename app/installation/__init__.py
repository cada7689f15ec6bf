"""This installation: its schema, facts, keys, alerts, time zone and child processes; may import messaging, panels
and the layers below. Stored settings belong here.
"""
