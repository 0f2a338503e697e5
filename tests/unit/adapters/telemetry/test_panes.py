"""The ring of the hot window, whose columns grow a pane at a time."""

import numpy as np

from akeso.adapters.telemetry.panes import Panes
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.series import SeriesTable


def test_what_was_written_is_read_over_all_panes_and_nothing_else_is_there() -> None:
    panes, random = Panes(3), np.random.default_rng(2)
    narrow, wide = random.random(10), random.random(2_500)
    panes.write(0, narrow)
    panes.write(1, wide)
    columns = np.array([0, 9, 10, 1_023, 1_024, 2_499], np.int32)
    found = panes.read(np.array([1, 0, 2], np.int32), columns)
    np.testing.assert_allclose(found[0], wide[columns], rtol=1e-6)
    np.testing.assert_allclose(found[1, :2], narrow[[0, 9]], rtol=1e-6)
    assert np.isnan(found[1, 2:]).all()
    assert np.isnan(found[2]).all()


def test_keys_of_a_table_share_their_words() -> None:
    def key(number: int) -> SeriesKey:
        return SeriesKey("".join(("te", "nant")), "cart", f"m{number}", (("".join(("po", "d")), "".join(("a-", "1"))),))

    table = SeriesTable([key(1), key(2)])
    assert table.keys == [key(1), key(2)]
    assert table[0].attributes[0] is table[1].attributes[0]
    assert table[0].tenant is table[1].tenant
