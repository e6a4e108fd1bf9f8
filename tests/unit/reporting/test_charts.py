import pytest

from inspect_pipeline.domain.figures import Estimate, NotMeasured
from inspect_pipeline.domain.labels import Origin
from inspect_pipeline.domain.report import ShownFinding, TruthMark
from inspect_pipeline.reporting.charts import draw_pareto, estimate_scale, rate_scale
from inspect_pipeline.reporting.symbols import symbols
from tests.unit.reporting import builders


def shown(name, origin=None):
    return ShownFinding(
        finding=builders.finding(defect_type=name), mark=TruthMark.HIT if origin else None, origin=origin
    )


def test_the_most_frequent_type_stands_first_and_the_last_reaches_all():
    findings = [shown("stain"), shown("crack", Origin.SIMULATED), shown("crack"), shown("unknown")]
    pareto = draw_pareto(findings, symbols(["crack", "stain"]))
    assert [(bar.symbol.name, bar.count) for bar in pareto.bars] == [("crack", 2), ("stain", 1), ("unknown", 1)]
    assert [bar.cumulative for bar in pareto.bars] == pytest.approx([0.5, 0.75, 1.0])
    assert [bar.simulated for bar in pareto.bars] == [1, 0, 0]
    assert pareto.bars[0].simulated_width == pytest.approx(pareto.bars[0].width / 2)


def test_counts_on_the_axis_are_whole():
    pareto = draw_pareto([shown("crack")] * 3, symbols(["crack"]))
    assert [tick.text for tick in pareto.ticks] == ["0", "1", "2", "3"]


def test_there_is_no_pareto_without_findings():
    assert draw_pareto([], symbols([])) is None


def test_rates_share_a_scale_that_holds_every_interval():
    scale = rate_scale([builders.rate(0, 40), builders.rate(2, 61), NotMeasured(reason="none")])
    assert scale.low == 0.0
    assert 0.113 < scale.high == pytest.approx(0.12)


def test_differences_are_drawn_against_zero():
    scale = estimate_scale([Estimate(value=-0.01, low=-0.02, high=-0.005)], around_zero=True)
    assert scale.low < -0.02
    assert scale.high > 0.0
