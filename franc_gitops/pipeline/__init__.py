"""The stages of a pass, a file each; `turn.py` alone knows their order.

load, checks, places   a file → documents → requests and problems   (validate.py: many files)
plan                   requests + ledger → what is sent, held, skipped
                       (actions.py its nouns, lifecycle.py and identity.py its rules)
guard, publish         the exactly-once protocol (deliver.py: what is sent, byte for byte)
project, writeback     ledger → status files (rows.py: the same for the terminal)
"""
