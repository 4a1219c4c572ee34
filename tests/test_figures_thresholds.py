import matplotlib.pyplot as plt
import pandas as pd
import pytest
from test_figures_confidence import record

from xnet_study.figures import threshold_figures


@pytest.fixture
def results(tmp_path):
    """A curve of three thresholds."""
    columns = {"threshold": [0.5, 0.7, 0.9], "fdr": [0.2, 0.1, 0.05], "recall": [0.9, 0.7, 0.4]}
    table = pd.DataFrame({**columns, "guarded": "soft tissue", "subset": "test", "prevalence": 0.3})
    table.to_csv(tmp_path / "thresholds-curves.csv", index=False)
    return record(tmp_path, "test")


def test_the_trade_off_is_the_tables_with_the_posters_beside_it(results):
    figure = threshold_figures.trade_off(results)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert lines["here, test images"].get_xdata().tolist() == [0.2, 0.1, 0.05]
    assert lines["here, test images"].get_ydata().tolist() == [0.9, 0.7, 0.4]
    assert lines["poster, after post-processing: 0.5%"].get_xdata() == [0.005, 0.005]
    plt.close(figure)


def test_precision_is_one_minus_false_discovery(results):
    figure = threshold_figures.precision_recall(results)
    curve = next(x for x in figure.axes[0].get_lines() if x.get_label() == "soft tissue")
    assert curve.get_ydata().tolist() == pytest.approx([0.8, 0.9, 0.95])
    plt.close(figure)
