from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from mistrust.report.layout import _crossings, _ordered, _spread, layout


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    node = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(node, node), max_size=30))


@given(graphs())
def test_no_two_boxes_overlap_and_all_lie_inside(graph):
    count, edges = graph
    drawn = layout(count, edges, size=(100, 40), gap=(50, 10))
    for (x, y), (v, w) in combinations(drawn.nodes, 2):
        assert abs(x - v) >= 100 or abs(y - w) >= 40 - 1e-6
    for x, y in drawn.nodes:
        assert 50 <= x <= drawn.width - 50
        assert 20 - 1e-6 <= y <= drawn.height - 20 + 1e-6


@given(graphs())
def test_edges_start_and_end_at_the_side_of_their_nodes(graph):
    count, edges = graph
    drawn = layout(count, edges, size=(100, 40), gap=(50, 10))
    for (a, b), points in zip(edges, drawn.edges, strict=True):
        if a == b:
            assert points == ()
            continue
        ends = [(points[0], drawn.nodes[a]), (points[-1], drawn.nodes[b])]
        assert all(abs(p[0] - n[0]) == 50 and p[1] == n[1] for p, n in ends)


@given(graphs())
def test_without_cycles_every_edge_runs_to_the_right(graph):
    count, edges = graph
    forward = [(min(e), max(e)) for e in edges if e[0] != e[1]]
    drawn = layout(count, forward)
    assert all(drawn.nodes[a][0] < drawn.nodes[b][0] for a, b in forward)


@given(graphs())
def test_the_same_graph_is_drawn_the_same(graph):
    count, edges = graph
    assert layout(count, edges) == layout(count, edges)


def test_a_tangle_that_can_be_undone_is_undone():
    links = [(0, 5), (1, 4), (2, 3)]
    order = _ordered([0, 0, 0, 1, 1, 1], links)
    assert _crossings(order, {a: [b] for a, b in links}) == 0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8))
def test_heights_keep_their_distance_and_stay_where_they_can(wanted):
    got = _spread(wanted, [10.0] * (len(wanted) - 1))
    assert all(b - a >= 10 - 1e-6 for a, b in pairwise(got))
    if all(b - a >= 10 for a, b in pairwise(wanted)):
        assert all(abs(a - b) < 1e-6 for a, b in zip(got, wanted, strict=True))
