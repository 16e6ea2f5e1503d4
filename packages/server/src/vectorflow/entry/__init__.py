"""Where everything is put together: the API, the roles a process runs, the command line.

No rule of the product lives here; rooms never import it.
"""
