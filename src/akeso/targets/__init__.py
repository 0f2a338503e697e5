"""What actions reach: one client a kind of target. Actions never import each other, so what they share stands here."""
