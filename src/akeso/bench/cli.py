"""`akeso bench`: one command a file of this folder, the function that is called like its file."""

import importlib
import inspect
import pkgutil

import typer

import akeso.bench as folder

app = typer.Typer(no_args_is_help=True, help="Measure Akeso.")
app.callback()(lambda: None)
for found in pkgutil.iter_modules(folder.__path__):
    command = (
        None if found.ispkg else getattr(importlib.import_module(f"{folder.__name__}.{found.name}"), found.name, None)
    )
    if inspect.isfunction(command) and "as_json" in inspect.signature(command).parameters:
        app.command(found.name)(command)
