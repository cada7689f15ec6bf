"""The billing panel interface (`base`, `records`, `actions`) and a folder for each kind of panel; may import
tables, db and core. FOSSBilling would go next to `whmcs`.
"""
