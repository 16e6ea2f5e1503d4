"""What pipelines are made with and judged by: what engines say of themselves, and the organisation's own rules.

A schema is kept by the digest of the engine's program and is advice until two nodes or a person confirm it. Which
engines an environment has is known by the room above; documents are judged by `pipelines`.
"""
