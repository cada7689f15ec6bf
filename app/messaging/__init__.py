"""Inbox, outbox and the worker that empties them: nothing is lost, nothing happens twice; knows no orders; may
import panels, tables, db and core.
"""
