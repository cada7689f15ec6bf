"""HTTP: the webhook front, the routers under ``/v1``, health and the Swagger UI."""
