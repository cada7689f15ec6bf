"""This installation: its schema, facts, keys, alerts, time zone and child processes; may import messaging, panels
and what lies below. Settings that are kept come here.
"""
