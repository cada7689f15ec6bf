"""What a billing panel can tell and do (`base`, `records`, `actions`), and a folder for each kind; may import
tables, db and core. FOSSBilling comes beside `whmcs`.
"""
