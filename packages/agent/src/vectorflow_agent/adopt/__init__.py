"""Taking over a Vector that somebody already runs here, and handing it back.

Observing changes nothing. A take-over needs both: the word of somebody on this machine, and a pipeline in a
verified bundle. Each step is on disk before it is done, so that an agent that is killed goes on or goes back.
"""
