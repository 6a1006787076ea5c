"""The table of findings: numbers with intervals, and the paper's values beside them."""

from dataclasses import dataclass

import numpy as np
import pytest

from xyep.paper import published, report
from xyep.paper.findings import Estimate, Finding, statistics


@dataclass(frozen=True)
class Faster(Finding):
    statement = "Lattices are faster"
    whose = "paper"
    rule = "the interval is above 1"
    verdict = "open"
    measured = "1.5 times"
    by = "p = 0.03, corrected"
    estimate = Estimate("epochs of one over the other", 1.5, 1.2, 1.9, "", 40)


@dataclass(frozen=True)
class Better(Faster):
    statement = "Is it better?"
    whose = "ours"
    estimate = Estimate("difference", 0.31, -0.04, 0.66, "points", 12, "runs")


@dataclass(frozen=True)
class Bare(Faster):
    statement = "A statement without a number"
    estimate = None


NOTEBOOK = "02_xor_training"
SHOWN = [report.Shown(each(), NOTEBOOK, "02_epochs") for each in (Faster, Better, Bare)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / f"{NOTEBOOK}.py").write_text("")
    monkeypatch.setenv("XYEP_PROJECT_DIR", str(tmp_path))
    monkeypatch.setattr(report, "all_statements", lambda: SHOWN)
    return tmp_path


def rows():
    return {key: shown.finding for key, shown in report.by_key().items()}


def cells(statement):
    (row,) = [r for r in report.findings().splitlines() if r.startswith(f"| {statement} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_row_has_number_interval_and_n_and_its_details_rule_and_correction(project):
    assert cells("Lattices are faster")[2:6] == [
        "open",
        "epochs of one over the other: 1.50 (1.20 to 1.90)",
        "40 seeds",
        "",
    ]
    assert cells("Is it better?")[3:5] == ["difference: +0.31 (-0.04 to +0.66) points", "12 runs"]
    assert cells("A statement without a number")[3:6] == ["", "", ""]
    detail = [r for r in report.findings().splitlines() if r.startswith("* **Lattices")][0]
    assert "p = 0.03, corrected" in detail and "the interval is above 1" in detail


def test_the_file_is_empty_at_first_and_what_is_filled_in_stays(project):
    text = published.text(rows())
    published.path().write_text(text, "utf-8")
    assert published.read(rows()) == {} and "02_Bare" not in text
    assert "difference, in points" in text
    filled = text.replace("02_Better:", "02_Better: {value: 0.2, where: Fig. 4a}\n_:", 1)
    filled = filled.partition("_:")[0] + "02_Faster: {value: 2}\n"
    published.path().write_text(filled, "utf-8")
    found = published.read(rows())
    assert found == {"02_Better": (0.2, "Fig. 4a"), "02_Faster": (2.0, "")}
    published.path().write_text(published.text(rows()), "utf-8")
    assert published.read(rows()) == found
    assert cells("Is it better?")[5] == "0.2 points (Fig. 4a): within our interval"
    assert cells("Lattices are faster")[5] == "2: outside our interval"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("02_Slower: {value: 3}", "02_Slower"),
        ("02_Faster: {value: many}", "02_Faster: found 'many'"),
        ("02_Faster: {valu: 3}", "02_Faster"),
        ("02_Faster: 3", "02_Faster"),
    ],
)
def test_what_is_written_wrongly_is_an_error(project, text, error):
    published.path().write_text(text, "utf-8")
    with pytest.raises((TypeError, ValueError), match=f"paper_values.yml: .*{error}"):
        published.read(rows())


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (1.5, 1.0, np.inf, "1.50 (1.00 to ∞)"),
        (400.0, 250.0, np.inf, "400 (250 to ∞)"),
        (0.004, -0.004, 0.012, "0.004 (-0.004 to 0.012)"),
        (-0.001, -0.9, 0.9, "0.0 (-0.9 to 0.9)"),
        (90.0, 90.0, 90.0, "90.00 (90.00 to 90.00)"),
    ],
)
def test_a_number_has_two_digits_of_its_interval(value, low, high, text):
    assert Estimate("", value, low, high, "", 10).text == text


def test_bootstrap_covers_the_mean_as_often_as_it_says():
    rng, inside = np.random.default_rng(1), 0
    for _ in range(200):
        x = rng.normal(size=50)
        low, high = statistics.bootstrap(lambda drawn, x=x: x[drawn].mean(axis=-1), 50)
        inside += low < 0 < high
    assert 178 <= inside <= 199


def test_two_statements_of_one_key_are_an_error(project, monkeypatch):
    @dataclass(frozen=True)
    class FasterStill(Faster):
        pass

    assert FasterStill().key == "FasterStill"
    monkeypatch.setattr(report, "all_statements", lambda: SHOWN + SHOWN[:1])
    with pytest.raises(ValueError, match="02_Faster"):
        report.by_key()
