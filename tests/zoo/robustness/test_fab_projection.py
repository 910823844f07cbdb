"""The shortest way to a plane within bounds, which FAB takes in each step."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from occam.zoo.robustness.ball import Ball
from occam.zoo.robustness.fab import to_plane

numbers = st.floats(-3, 3, width=32)


def ball(x, norm, low=-np.inf, high=np.inf):
    x = np.asarray(x, "float32")
    return Ball(x, np.inf, norm, np.float32(low), np.float32(high))


def test_without_bounds_the_change_is_that_of_the_dual_norm():
    x, normal, gap = np.zeros((1, 3), "float32"), np.array([[1.0, -2.0, 2.0]]), np.array([10.0])
    linf, l2 = (to_plane(x, normal, gap, ball(x, norm))[0] for norm in ("linf", "l2"))
    np.testing.assert_allclose(linf, [2, -2, 2])  # 10 / (1 + 2 + 2)
    np.testing.assert_allclose(l2, 10 * np.array([1, -2, 2]) / 9)


def test_a_feature_at_its_bound_leaves_the_rest_to_the_others():
    x, normal, gap = np.zeros((1, 2), "float32"), np.array([[4.0, 1.0]]), np.array([5.0])
    change = to_plane(x, normal, gap, ball(x, "linf", -0.5, 9.0))
    np.testing.assert_allclose(change, [[1, 1]])
    change = to_plane(x, normal, gap, ball(x, "linf", -9.0, [0.5, 9.0]))
    np.testing.assert_allclose(change, [[0.5, 3]])


def test_a_plane_out_of_reach_moves_all_features_to_their_bounds():
    x = np.array([[0.2, 0.7, 0.5]], "float32")
    for norm in ("linf", "l2"):
        change = to_plane(x, np.array([[1.0, -1.0, 0.0]]), np.array([9.0]), ball(x, norm, 0, 1))
        np.testing.assert_allclose(x + change, [[1, 0, 0.5]], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_change_is_the_shortest_within_the_bounds(data):
    d = data.draw(st.integers(1, 5))
    vector = st.lists(numbers, min_size=d, max_size=d)
    x = np.clip(np.array([data.draw(vector)], "float32"), -1, 1)
    normal, gap = np.array(data.draw(vector)), data.draw(numbers)
    norm = data.draw(st.sampled_from(["linf", "l2"]))
    normal[np.abs(normal) < 1e-2] = 0.0
    change = to_plane(x, normal[None], np.array([gap]), ball(x, norm, -1, 1))[0]
    low, high = (-1 - x[0]).astype("float64"), (1 - x[0]).astype("float64")
    assert (change >= low - 1e-6).all()
    assert (change <= high + 1e-6).all()
    reach = (
        np.maximum(normal * low, normal * high).sum()
        if gap > 0
        else np.minimum(normal * low, normal * high).sum()
    )
    if abs(reach) < abs(gap):
        np.testing.assert_allclose(normal @ change, reach, atol=1e-5)
        return
    np.testing.assert_allclose(normal @ change, gap, atol=1e-5)
    if norm == "linf":  # minimize t with |d_i| <= t
        eye, one = np.eye(d), np.ones((d, 1))
        best = linprog(
            [*np.zeros(d), 1.0],
            np.block([[eye, -one], [-eye, -one]]),
            np.zeros(2 * d),
            [[*normal, 0.0]],
            [gap],
            [*zip(low, high, strict=True), (0, None)],
        ).fun
        np.testing.assert_allclose(np.abs(change).max(), best, atol=1e-5)
    else:
        start = np.clip(change * 0.5, low, high)
        found = minimize(
            lambda d: d @ d,
            start,
            jac=lambda d: 2 * d,
            bounds=[*zip(low, high, strict=True)],
            constraints={"type": "eq", "fun": lambda d: normal @ d - gap, "jac": lambda d: normal},
        )
        if found.success:
            assert change @ change <= found.fun + 1e-4
