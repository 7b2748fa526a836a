"""The daemon: the same pass in a loop, and what it shows of itself.

The loop tells a `Board` what it does; HTTP, metrics and systemd read the board and never
touch the loop. Nothing here decides what is published: that is the pass.
"""
