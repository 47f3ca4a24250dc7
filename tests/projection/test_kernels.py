import numpy as np

from parascale.projection import kernels


def test_growth_takes_the_closest_surface_behind() -> None:
    inverse = 1 / np.array([[4.0, 1.0, 1.0, 1.0, 1.0, 2.0]])
    assert kernels.grow(inverse, 1.05).tolist() == [[0, 0, 0, 5, 5, 5]]


def test_growth_enters_the_unknown_and_nothing_else_when_told() -> None:
    inverse = np.array([[1.0, np.nan, np.nan, 0.5, 0.1]])
    assert kernels.grow(inverse, np.inf).tolist() == [[0, 0, 3, 3, -1]]


def test_cleaned_edges_carry_no_colour_of_the_near_side() -> None:
    depth = np.where(np.arange(20) < 10, 3.0, 1.0) * np.ones((10, 1))
    image = np.where(np.arange(20)[:, None] < 10, [0, 0, 200], [200, 0, 0]) * np.ones((10, 1, 1))
    image[:, 9] = [100, 0, 100]
    cleaned = kernels.clean_edges(image.astype(np.uint8), 1 / depth, 2)
    assert (cleaned[:, :10] == [0, 0, 200]).all()
    assert (cleaned[:, 10:] == [200, 0, 0]).all()
