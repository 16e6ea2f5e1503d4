"""Vector's configuration as data: catalogue, document, compiler, importer, checks, diff and hand-over.

What lives here is pure: functions from values to values, reading nothing but the data files
packaged with the catalogue. No network, no clock, no database and no running of events lives
here; VRL is only known by the protocol in `vrl`, which the engine package fulfils.
"""
