"""The audit of git, ledger, status files and events: what they say of each other, still true.

Nothing here publishes, and nothing here believes a cache. `verify.py` knows the order:

- events.py   the events, read at the places that the ledger names (facts.py: what they must say)
- status.py   the status files, byte for byte
- waiting.py  what those of requests that wait for their time may say
- repair.py   status files written anew
- evidence.py all that is known of one change
"""
