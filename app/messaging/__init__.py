"""Inbox, outbox and the worker that drains them: nothing is lost or done twice. Knows nothing about orders; may
import panels, tables, db and core.
"""
