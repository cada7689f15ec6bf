"""HTTP: the application, its routes, the webhooks' front and the Swagger UI; may import every room but the programs.
A new route comes here.
"""
