"""`vectorflow-agent install` and `uninstall`: what an installation consists of, and making or removing it.

`plan` says which files there are and what stands in them, `unit` writes the systemd unit, `command` does it.
"""
