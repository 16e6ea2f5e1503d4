"""The commands on files alone, as `python -m vectorflow.entry.files`: starts quicker than the whole command."""

import typer

from vectorflow.entry.files.commands import register

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
register(app)

if __name__ == "__main__":
    app(prog_name="vectorflow")
