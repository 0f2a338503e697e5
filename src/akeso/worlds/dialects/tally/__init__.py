"""What all senders count alike: calls by latency and outcome, growing sums, lives of processes. Counted once a tick."""
