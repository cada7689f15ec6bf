"""The routes by subject: each reads a request, calls one room below and answers with a view."""
