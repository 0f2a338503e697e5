"""Wire formats as senders write them: bytes of labels are made once, only numbers change."""
