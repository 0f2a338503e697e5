"""Dialects: how real senders tell what happens in a world, one file a dialect, byte for byte as that tool sends."""
