"""What the process that others are forked from has imported."""

import akeso.faces.cli.up  # noqa: F401 - the whole of Akeso
