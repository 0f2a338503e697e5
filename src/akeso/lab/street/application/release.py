"""What a release does before a book is shown: nothing yet."""


def before(book: int) -> None:
    del book
