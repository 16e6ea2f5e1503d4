"""The organisations' logs and the platform's own: redaction, chain, checkpoints, lists, exports, verifying.

Here is no rule about who may do what. Entries are collected by the transaction that does the work (`txn.audit`);
this room appends them. `verifying` needs neither database nor network, so that anybody can check an export.
"""
