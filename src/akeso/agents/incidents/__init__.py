"""The healing agent and its parts: inbox, worker, move_executor, gate and incident_context.

inbox: what is noticed is put to the incident it belongs to. worker: takes one incident to its end, move by move.
move_executor: makes one move. gate: asks governance. incident_context: looks up and thinks.
"""
