"""The healing agent: `agent` is the agent itself; inbox, worker, performer, gate and casework are its parts.

inbox: what is noticed is put to the incident it belongs to. worker: takes one incident to its end, move by move.
performer: makes one move. gate: asks governance. casework: looks up and thinks.
"""
