"""Settings: defaults of the command line, from `[tool.lossaudit]` in a `pyproject.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from lossaudit.errors import SettingsError
from lossaudit.report.contents import FailOn
from lossaudit.rules.catalogue import codes_of

FORMATS = ("text", "json", "github", "html")
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)


@dataclass(frozen=True)
class Settings:
    """How commands audit and report.

    Args:
        select: beginnings of the rule codes to report; all if empty.
        ignore: beginnings of the rule codes not to report.
        fail_on: the findings that give exit status 1.
        format: the format of reports.
        truth: the run file that logs are compared with; None to judge logs alone.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: FailOn = "error"
    format: str = "text"
    truth: Path | None = None


def settings_of(folder: Path) -> Settings:
    """The settings of the nearest `pyproject.toml` in a folder or above it.

    A relative `truth` is relative to the folder of that file.

    Args:
        folder: where to start looking.

    Raises:
        SettingsError: the file is not valid TOML, or a key or a value is not allowed.
        OSError: the file cannot be read.
    """
    file = next((one for one in _candidates(folder) if one.is_file()), None)
    if file is None:
        return Settings()
    try:
        table = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("lossaudit", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: tool.lossaudit={table!r:.80} must be a table")
    return _settings(table, file)


def _candidates(folder: Path) -> Iterable[Path]:
    start = folder.resolve()
    return (one / "pyproject.toml" for one in (start, *start.parents))


def _settings(table: Mapping[str, Any], file: Path) -> Settings:
    values = {}
    for key, value in table.items():
        if key not in _SETTINGS:
            known = ", ".join(_SETTINGS)
            raise SettingsError(
                f"{file}: {key}={value!r:.80} in [tool.lossaudit] is not a setting; "
                f"there are {known}"
            )
        try:
            values[key.replace("-", "_")] = _SETTINGS[key](value)
        except ValueError as error:
            raise SettingsError(
                f"{file}: {key}={value!r:.80} in [tool.lossaudit]: {error}"
            ) from error
    if "truth" in values:
        values["truth"] = file.parent / values["truth"]
    return Settings(**values)


def _codes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise ValueError("must be a list of strings")
    return codes_of(value)


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def chosen(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(map(repr, allowed))}")
        return str(value)

    return chosen


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a path, as a string")
    return Path(value)


_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "select": _codes,
    "ignore": _codes,
    "fail-on": _one_of(FAIL_ON),
    "format": _one_of(FORMATS),
    "truth": _path,
}
