"""What keeps the house in order by itself: sweeps, comparing, notifications, health; may import workflow and what
lies below. A new round comes here.
"""
