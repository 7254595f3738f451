"""The page of the secretary and the administrator, and the API of programs.

    request ─ headers ─ doorkeeper (session, role, form) ─ route ─ one use case of the engine ─ template

Routes parse, call, render; what they show comes from ``engine.queries*``, what they do from the same use cases
as the command line. Everything the browser loads is served from here.
"""
