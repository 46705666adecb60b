"""``csms study``: one question, one answer in figures and, with --plot, one picture.

The commands are made from the studies' parameter sets, so that the command line and REST can never differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import typer

from csms.api.studies import STUDIES, Study
from csms.cli.output import err, fail, out, print_json, print_table
from csms.grid.jsonable import to_jsonable

app = typer.Typer(no_args_is_help=True, help="Studies of grid, market and batteries.")
Plot = Annotated[Path | None, typer.Option(help="Draw the result: .png, .svg or .pdf.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
LONG = 12
"""Lists and tables longer than this are left to --json."""


def _command(study: Study[Any, Any]) -> Callable[..., None]:
    fields = msgspec.structs.fields(study.params)
    hints = get_type_hints(study.params, include_extras=True)

    def command(**given: Any) -> None:
        plot, as_json = given.pop("plot"), given.pop("json")
        try:
            params = msgspec.convert(given, study.params)
            result = study.run(params)
        except (ValueError, ArithmeticError, OSError) as error:
            fail(str(error), 2)
        figures = to_jsonable(study.figures(result))
        if not isinstance(figures, dict):
            raise TypeError("a study's figures must be an object")
        if plot is not None:
            from csms.api.plots.output import save  # matplotlib, for those who draw

            try:
                save(study.plot(result), plot, footer=f"csms study {study.name}")
            except (ValueError, OSError) as error:
                fail(f"{plot}: {error}", 2)
            err.print(f"plot: {plot}", markup=False)
        if as_json:
            print_json(figures)
        else:
            _print(figures)

    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=_option(hints[field.name]),
        )
        for field in fields
    ]
    parameters.append(
        inspect.Parameter("plot", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Plot)
    )
    parameters.append(
        inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
    )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = study.summary
    return command


def _option(hint: Any) -> Any:
    """A typer option for a parameter: its type, and its description as help."""
    if get_origin(hint) is not Annotated:
        return Annotated[hint, typer.Option()]
    kind, *metas = get_args(hint)
    texts = [m.description for m in metas if isinstance(m, msgspec.Meta) and m.description]
    return Annotated[kind, typer.Option(help=texts[0] if texts else None)]


def _print(figures: dict[str, Any]) -> None:
    rows = list(_flat("", figures))
    print_table(("", ""), rows)
    if any(isinstance(value, list) for value in figures.values()):
        out.print("[dim]traces and long tables: --json[/]")


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        if prefix and len(value) > LONG:
            return [(prefix, f"{len(value)} entries")]
        return [
            row
            for key, inner in value.items()
            for row in _flat(f"{prefix}.{key}".lstrip("."), inner)
        ]
    if isinstance(value, list) and (len(value) > LONG or any(isinstance(v, list) for v in value)):
        return [(prefix, f"{len(value)} entries")]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [
            (f"{prefix}[{k}]", ", ".join(f"{name} {_brief(v)}" for name, v in row.items()))
            for k, row in enumerate(value, start=1)
        ]
    if isinstance(value, list):
        return [(prefix, ", ".join(map(_brief, value)))]
    return [(prefix, _brief(value))]


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else str(value)


for _study in STUDIES.values():
    app.command(_study.name)(_command(_study))
