"""`akeso bench`: one command a file of this folder."""

import typer

from akeso.bench.causal import causal
from akeso.bench.detect import detect
from akeso.bench.footprint import footprint
from akeso.bench.forecast import forecast
from akeso.bench.incidents import incidents
from akeso.bench.logs import logs
from akeso.bench.rca import rca
from akeso.bench.recall import recall

app = typer.Typer(no_args_is_help=True, help="Measure Akeso.")
app.callback()(lambda: None)
app.command("causal")(causal)
app.command("detect")(detect)
app.command("footprint")(footprint)
app.command("forecast")(forecast)
app.command("incidents")(incidents)
app.command("logs")(logs)
app.command("rca")(rca)
app.command("recall")(recall)
