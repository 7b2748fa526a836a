"""The soak: daemons under random faults for minutes, and then what Kafka's own consumer saw.

    python -m tests.soak --minutes 10 [--seed N] [--cluster] [--keep]

`changes.py` what is asked for, and how files are saved · `daemons.py` the processes and their
memory · `faults.py` what goes wrong · `verdict.py` what must be true in the end · `run.py` all
of it together. The seed decides what is done in which order, not what the machine makes of it.
"""
