"""Routes of the vault: thin, each declaring the permission it needs. Values go in and never come out."""

from vectorflow.vault.http import certificates, destinations, lookup_files, secrets, stores, variables

routes = [
    *secrets.routes,
    *destinations.routes,
    *variables.routes,
    *certificates.routes,
    *lookup_files.routes,
    *stores.routes,
]
