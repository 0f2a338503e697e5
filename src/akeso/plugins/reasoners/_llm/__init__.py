"""What the LLM reasoner is made of."""
