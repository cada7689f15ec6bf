"""HTTP: the application, its routes, the webhook front and the Swagger UI; may import all packages but the programs.
A new route goes into `routes`.
"""
