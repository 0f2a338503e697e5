"""An estate that does not hold together is refused by the field."""
