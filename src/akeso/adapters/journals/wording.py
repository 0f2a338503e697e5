"""Texts as the databases take them."""


def clean(text: str) -> str:
    """Text that every database takes: PostgreSQL has no NUL."""
    return text.replace("\x00", "\ufffd")
