"""Copies are found, the map stays where it is, and news is worth less the more often it was seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from whorl.checks.embedder import toy_inputs
from whorl.checks.journal import sample
from whorl.organize import CoverageMap, StandardPca, exact_copies, last_layer, near_copies, sort
from whorl.organize.coverage import CELLS_AT_START
from whorl.organize.duplicates import BLOCK
from whorl.records import Example, Turn, derived_id

TURN = sample(Turn, 1, number=3, event_time=7)
points = arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(-50, 50).map(float))


def families(groups):
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in set(groups.tolist())}


# --- copies


@given(st.lists(st.sampled_from("abcd")))
def test_an_exact_copy_points_to_the_first_of_its_content(contents):
    assert exact_copies(contents).tolist() == [contents.index(content) for content in contents]


def test_near_copies_are_grouped_under_the_first():
    X = np.array([[0.0], [10.0], [20.0], [10.2], [30.0], [40.0], [50.0], [0.1], [60.0]])
    assert near_copies(X).tolist() == [0, 1, 2, 1, 4, 5, 6, 0, 8]


def test_a_copy_of_a_copy_belongs():
    far_apart = np.arange(20.0) * 10
    chain = 100 + np.arange(5) * 0.9  # each near the next, the ends 3.6 apart
    groups = near_copies(np.concatenate([far_apart[far_apart != 100], chain])[:, None])
    assert families(groups) >= {frozenset(range(19, 24))}


@given(points, st.randoms(use_true_random=False))
def test_groups_are_closed_and_do_not_depend_on_the_order(X, random):
    order = list(range(len(X)))
    random.shuffle(order)
    groups = near_copies(X)
    assert (groups[groups] == groups).all()
    assert (groups <= np.arange(len(X))).all()
    turned = near_copies(X[order])
    assert {frozenset(order[row] for row in family) for family in families(turned)} == families(groups)


def test_near_copies_are_found_across_blocks():
    X = np.arange(BLOCK + 5, dtype=float)[:, None] * 10
    X[BLOCK + 2] = X[7] + 0.01
    X[BLOCK + 3] = X[BLOCK + 2] + 0.01
    groups = near_copies(X)
    assert groups[BLOCK + 2] == groups[BLOCK + 3] == 7
    assert len(set(groups.tolist())) == len(X) - 2


@pytest.mark.parametrize("X", [np.zeros((0, 3)), np.zeros((1, 3)), np.zeros((4, 3)), np.full((4, 3), np.nan)])
def test_few_rows_or_no_differences_are_no_error(X):
    assert near_copies(X).tolist() == [0] * len(X)


def test_a_missing_value_is_no_reason_to_fail():
    X = np.array([[0.0, np.nan], [0.0, np.nan], [5.0, 1.0], [9.0, 2.0]])
    assert near_copies(X).tolist() == [0, 0, 2, 3]


# --- the coverage map


@given(points, st.integers(1, 30), st.data())
def test_centres_never_move_when_more_arrives(X, first, data):
    more = data.draw(arrays(float, st.tuples(st.integers(0, 10), st.just(2)), elements=st.floats(-90, 90)))
    first = min(first, len(X))
    before, after = CoverageMap.over(X, first), CoverageMap.over(np.vstack([X, more]), first)
    assert after.radius == before.radius
    assert np.array_equal(after.centres[: len(before.centres)], before.centres)


@given(points)
def test_every_vector_is_within_the_radius_of_its_cell(X):
    chart = CoverageMap.over(X, first=len(X))
    reach = np.linalg.norm(X - chart.centres[chart.cells(X)], axis=1)
    assert (reach <= chart.radius + 1e-9).all()


@given(points)
def test_a_vector_lies_in_the_nearest_cell(X):
    chart = CoverageMap.over(X, first=len(X))
    distances = np.linalg.norm(X[:, None] - chart.centres[None], axis=2)
    nearest = distances[np.arange(len(X)), chart.cells(X)]
    assert np.allclose(nearest, distances.min(axis=1))


def test_the_first_examples_are_covered_by_few_cells():
    X = np.random.default_rng(0).normal(size=(1000, 3))
    assert CELLS_AT_START / 2 <= len(CoverageMap.over(X, first=1000).centres) <= 2 * CELLS_AT_START


def test_something_unlike_all_before_opens_a_cell():
    X = np.random.default_rng(0).normal(size=(100, 3))
    chart = CoverageMap.over(np.vstack([X, [[99.0, 99.0, 99.0]]]), first=100)
    assert chart.centres[-1].tolist() == [99.0, 99.0, 99.0]


def test_what_is_just_within_reach_opens_no_cell():
    assert len(CoverageMap.over(np.zeros((9, 2)), first=9).centres) == 1
    line = np.arange(CELLS_AT_START + 1, dtype=float)[:, None]  # one place more than cells: the radius is the step
    assert CoverageMap.over(line, first=len(line)).radius == 1.0
    assert len(CoverageMap.over(line, first=len(line)).centres) == len(line[::2])


def test_a_map_of_nothing_has_no_cells():
    chart = CoverageMap.over(np.zeros((0, 3)), first=0)
    assert chart.centres.shape == (0, 3)
    assert chart.cells(np.zeros((0, 3))).tolist() == []
    assert chart.cells(np.ones((2, 3))).tolist() == [0, 0]
    assert chart.bits(np.zeros(0, dtype=np.intp)).tolist() == []


@given(st.integers(1, 60), st.integers(1, 200))
def test_bits_decrease_with_repetition(cells, times):
    bits = CoverageMap(np.zeros((cells, 1)), 1.0).bits(np.zeros(times, dtype=np.intp))
    assert (np.diff(bits) < 0).all()
    assert (bits > 0).all()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_bits_are_those_of_a_code_that_could_be_sent(cells):
    bits = CoverageMap(np.zeros((5, 1)), 1.0).bits(np.array(cells))
    counts = [0.5] * 6
    for cell, told in zip(cells, bits, strict=True):
        assert told == pytest.approx(-np.log2(counts[cell] / sum(counts)))
        counts[cell] += 1


# --- embedders


def test_pca_keeps_the_directions_with_most_variance():
    rng = np.random.default_rng(1)
    along = rng.normal(size=(200, 1))
    X = np.hstack([along, 2 * along, -along, rng.normal(size=(200, 1)) * 0.01])
    vectors = StandardPca(1)(X)(X)
    assert abs(np.corrcoef(vectors[:, 0], along[:, 0])[0, 1]) > 0.999


def test_pca_agrees_with_scikit_learn():
    from sklearn.decomposition import PCA

    X = toy_inputs(80, 12)
    ours = StandardPca(4)(X)(X)
    theirs = PCA(4).fit_transform(StandardScaler().fit_transform(X))
    assert np.allclose(np.abs(ours), np.abs(theirs))


def test_pca_drops_constant_columns_and_has_no_more_dimensions_than_there_are():
    assert StandardPca()(np.ones((5, 3)))(np.full((2, 3), 7.0)).shape == (2, 0)
    assert StandardPca(16)(toy_inputs(40, 3))(toy_inputs(2, 3)).shape == (2, 3)
    assert StandardPca(16)(toy_inputs(5, 50))(toy_inputs(2, 50)).shape[1] <= 5
    assert StandardPca()(toy_inputs(1, 3))(toy_inputs(2, 3)).shape == (2, 0)


def test_pca_takes_a_missing_value_for_the_mean():
    X = toy_inputs(40, 3)
    place = StandardPca()(X)
    row = X[:1].copy()
    row[0, 1] = np.nan
    filled = row.copy()
    filled[0, 1] = X[:, 1].mean()
    assert np.allclose(place(row), place(filled))


def test_pca_does_not_care_about_units():
    X = toy_inputs(40, 5)
    units = np.array([1.0, 1000.0, 1e-6, 3.0, 1.0])
    assert np.allclose(StandardPca(3)(X)(X), StandardPca(3)(X * units)(X * units))


# --- the last layer of a model


def taught():
    X = toy_inputs(60, 6)
    return X, X[:, :3].argmax(axis=1)


def test_a_pipeline_is_seen_through_to_the_scores_of_a_linear_model():
    X, y = taught()
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert np.allclose(last_layer(fitted)(X), fitted.decision_function(X))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_a_network_gives_its_last_hidden_layer(activation):
    X, y = taught()
    fitted = make_pipeline(
        StandardScaler(), MLPClassifier((7, 5), activation=activation, tol=0.1, random_state=0, max_iter=500)
    ).fit(X, y)
    hidden = last_layer(fitted)(X)
    assert hidden.shape == (60, 5)
    scores = hidden @ fitted[-1].coefs_[-1] + fitted[-1].intercepts_[-1]
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.allclose(chances, fitted.predict_proba(X))


def test_a_network_for_amounts_gives_its_hidden_layer_too():
    X, y = taught()
    fitted = MLPRegressor(hidden_layer_sizes=(4,), tol=1.0, random_state=0, max_iter=500).fit(X, y)
    assert np.allclose(last_layer(fitted)(X) @ fitted.coefs_[-1] + fitted.intercepts_[-1], fitted.predict(X)[:, None])


def test_other_models_give_their_probabilities_or_predictions():
    X, y = taught()
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    assert np.array_equal(last_layer(forest)(X), forest.predict_proba(X))
    line = LinearRegression().fit(X, y)
    assert np.array_equal(last_layer(line)(X), line.predict(X)[:, None])
    two = LogisticRegression().fit(X, y == 0)
    assert last_layer(two)(X).shape == (60, 1)
    groups = KMeans(2, n_init=1, random_state=0).fit(X)
    assert last_layer(groups)(X).shape == (60, 1)


def test_what_has_no_place_to_offer_says_so():
    with pytest.raises(TypeError, match="StandardScaler has no layer, scores or predictions"):
        last_layer(StandardScaler())(toy_inputs())


# --- sorting what arrived


def arriving(X, contents=None, customer="acme"):
    return [
        Example(
            id=f"e{row}",
            event_time=0,
            known_time=0,
            content=contents[row] if contents else f"content {row}",
            payload=b"x",
            customer=customer,
            rights="own",
        )
        for row in range(len(X))
    ]


def test_a_copy_has_the_row_of_what_it_copies_and_costs_nothing():
    X = toy_inputs(4, 3)[[0, 1, 0, 2]]
    found = sort(
        arriving(X, ["a", "b", "a", "c"]),
        X,
        [10, 20, 10, 30],
        frozenset({"e0", "e1", "e2", "e3"}),
        StandardPca(),
        TURN,
        price_per_byte=0.5,
    )
    assert found.kept == ("e0", "e1", "e3")
    assert found.rows == {"e0": 0, "e1": 1, "e2": 0, "e3": 2}
    assert np.array_equal(found.X, X[[0, 1, 3]])
    fates = {fate.example: fate for fate in found.fates}
    assert (fates["e2"].kept, fates["e2"].reason, fates["e2"].bits, fates["e2"].cost) == (
        False,
        "an exact copy of e0",
        0.0,
        0.0,
    )
    assert (fates["e3"].kept, fates["e3"].bytes, fates["e3"].cost) == (True, 30, 15.0)
    assert fates["e3"].bits > 0


def test_only_what_is_new_has_a_fate():
    X = toy_inputs(6, 3)
    found = sort(arriving(X), X, [1] * 6, frozenset({"e5"}), StandardPca(), TURN, 0.0)
    assert [fate.example for fate in found.fates] == ["e5"]
    assert found.fates[0].id == derived_id(TURN.event_time, TURN.number, "organize", "e5")


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_first_examples_are_sorted_without_error(n):
    X = toy_inputs(4, 3)[:n]
    found = sort(arriving(X), X, [1] * n, frozenset(f"e{row}" for row in range(n)), StandardPca(), TURN, 0.0)
    assert len(found.kept) == len(found.vectors) == len(found.cells) == len(found.fates) == n


@pytest.mark.parametrize("n", range(33, 64, 6))
def test_vectors_and_cells_stay_while_the_data_has_not_doubled(n):
    X = toy_inputs(63, 5)
    one, other = (sort(arriving(X[:m]), X[:m], [1] * m, frozenset(), StandardPca(3), TURN, 0.0) for m in (n, 63))
    assert np.allclose(other.vectors[:n], one.vectors)
    assert np.array_equal(other.cells[:n], one.cells)
    assert np.array_equal(other.map.centres[: len(one.map.centres)], one.map.centres)
