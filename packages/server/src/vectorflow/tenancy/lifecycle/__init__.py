"""An organisation's life: its name, suspension, exports, deletion with a grace, and erasure.

Who belongs to it and who may do what is `tenancy`'s. What the tables of other rooms hold is read and erased by the
database's catalogue, so no room has to be asked.
"""
