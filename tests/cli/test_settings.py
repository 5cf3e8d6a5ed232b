"""`[tool.lossaudit]` in a pyproject.toml: found, read, refused, overruled by the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lossaudit import Recording, Series
from lossaudit.cli.commands import main
from lossaudit.cli.settings import Settings, settings_of
from lossaudit.errors import SettingsError


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return folder


def test_every_key_is_read_and_the_truth_stands_beside_the_file(tmp_path):
    project(
        tmp_path,
        '[tool.lossaudit]\nselect = ["LA1", "LA3"]\nignore = ["LA302"]\nfail-on = "warning"\n'
        'format = "github"\ntruth = "runs/run.lossaudit"\n',
    )
    expected = Settings(
        ("LA1", "LA3"), ("LA302",), "warning", "github", tmp_path / "runs" / "run.lossaudit"
    )
    assert settings_of(tmp_path) == expected


def test_the_nearest_file_upwards_counts_and_none_is_no_setting(tmp_path):
    project(tmp_path, '[tool.lossaudit]\nselect = ["LA1"]\n')
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert settings_of(inside).select == ("LA1",)
    project(tmp_path / "a", "[project]\nname = 'another'\n")
    assert settings_of(inside) == Settings()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "selct = ['LA1']",
            "selct=['LA1'] in [tool.lossaudit] is not a setting; there are select, ignore, "
            "fail-on",
        ),
        ("select = 'LA1'", "select='LA1' in [tool.lossaudit]: must be a list of strings"),
        ("ignore = [1]", "ignore=[1] in [tool.lossaudit]: must be a list of strings"),
        ("ignore = ['LA9']", "ignore=['LA9'] in [tool.lossaudit]: no rule begins with 'LA9'"),
        (
            "fail-on = 'always'",
            "fail-on='always' in [tool.lossaudit]: must be one of 'error', 'warning', 'never'",
        ),
        (
            "format = ['json']",
            "format=['json'] in [tool.lossaudit]: must be one of 'text', 'json', 'github'",
        ),
        ("truth = true", "truth=True in [tool.lossaudit]: must be a path, as a string"),
    ],
)
def test_what_is_no_setting_is_refused_by_name_and_value(tmp_path, line, said):
    with pytest.raises(SettingsError) as refused:
        settings_of(project(tmp_path, f"[tool.lossaudit]\n{line}\n"))
    assert f"{tmp_path / 'pyproject.toml'}: {said}" in str(refused.value)


@pytest.mark.parametrize("text", ["[tool.lossaudit\n", "tool = 1\n", "[tool]\nlossaudit = 1\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    with pytest.raises(SettingsError, match=r"pyproject\.toml"):
        settings_of(project(tmp_path, text))


def test_the_settings_in_the_readme_are_settings(tmp_path):
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", readme, flags=re.DOTALL)
    expected = Settings((), ("LA201",), "warning", "github", tmp_path / "runs" / "run.lossaudit")
    assert settings_of(project(tmp_path, block)) == expected


@pytest.fixture
def logged(tmp_path, monkeypatch) -> Path:
    """A project with a run file and a wrong log, from one of its folders."""
    series = Series([1.0, 2.0, 9.0], weights=[4, 4, 2], epochs=[0, 0, 0])
    Recording([series]).save(tmp_path / "run.lossaudit")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "log.csv").write_text("epoch,loss\n0,4.0\n")
    monkeypatch.chdir(tmp_path / "inside")
    return tmp_path


def test_commands_use_the_settings_and_the_command_line_wins(logged, capsys):
    project(
        logged,
        '[tool.lossaudit]\ntruth = "run.lossaudit"\nformat = "json"\nfail-on = "never"\n'
        'ignore = ["LA101"]',
    )
    assert main(["audit", "log.csv"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert (
        main(["audit", "--fail-on", "error", "--ignore", "LA5", "--format", "text", "log.csv"])
        == 1
    )
    assert "LA101 short-last-batch-counted-as-full" in capsys.readouterr().out
    assert main(["audit", "--truth", "nowhere", "log.csv"]) == 2


@pytest.mark.parametrize("arguments", [["audit", "log.csv"], ["run", "script.py"]])
def test_a_bad_setting_stops_audit_and_run_with_2_before_anything_is_done(
    logged, capsys, arguments
):
    project(logged, "[tool.lossaudit]\nformat = 'xml'\n")
    (logged / "inside" / "script.py").write_text("print('ran')")
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "format='xml' in [tool.lossaudit]: must be one of" in printed.err


def test_run_uses_the_settings(logged, capsys):
    project(logged, "[tool.lossaudit]\nformat = 'json'\n")
    (logged / "inside" / "script.py").write_text("")
    assert main(["run", "script.py"]) == 2
    assert json.loads(capsys.readouterr().err)["verdicts"] == []
