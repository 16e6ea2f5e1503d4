"""What an environment lends pipelines: secrets, variables, certificates, lookup files and outside stores.

Values of secrets and private keys go in and never come out through the API; only the signer reads them, to seal
them to a node. How a value is sealed is the business of `keys`; which component refers to what is known by the
rooms above, which write it into the tables of uses here.
"""
