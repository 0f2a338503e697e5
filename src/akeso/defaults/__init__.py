"""What ships and may be replaced: policies, playbooks, knowledge, and the scale of confidence."""
