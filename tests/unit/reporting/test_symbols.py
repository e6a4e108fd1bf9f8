from inspect_pipeline.reporting.symbols import symbols


def test_fifty_six_types_each_have_a_pair_of_colour_and_shape_of_their_own():
    pairs = {(s.colour, s.shape) for s in symbols(f"type {i:02d}" for i in range(56)).values()}
    assert len(pairs) == 57  # and unknown


def test_neighbours_differ_in_shape_as_well_as_in_colour():
    chosen = [symbols(["a", "b"])[name] for name in ("a", "b")]
    assert chosen[0].colour != chosen[1].colour
    assert chosen[0].shape != chosen[1].shape


def test_unknown_has_a_sign_that_no_type_can_have():
    chosen = symbols([*(f"type {i}" for i in range(100)), "unknown"])
    assert [name for name, s in chosen.items() if s.shape == "shape-unknown" or s.colour == "unknown"] == ["unknown"]


def test_a_type_keeps_its_symbol_whatever_the_order():
    assert symbols(["stain", "crack"]) == symbols(["crack", "stain", "crack"])
