"""`python -m akeso` is the command `akeso`."""

from akeso.faces.cli import main

if __name__ == "__main__":
    main()
