"""Looking at events as they leave an output: asking nodes for it, relaying what they send, and captures.

Events pass through sealed and are gone once they are shown; only what somebody saves as a capture is kept, sealed
and for a time.
"""
