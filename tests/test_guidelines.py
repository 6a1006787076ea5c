"""What notebook 07 measures with: decay lengths, noise of the readout, lattices with skips."""

import numpy as np
import pytest

import xyep
from xyep.paper.findings import guidelines, images
from xyep.paper.studies.guidelines import NoisyGradient, decay_rate, log_profile, readout_noise
from xyep.paper.studies.xor import skip_networks
from xyep.paths import results


def test_decay_rate_of_an_exponential():
    distance = np.hypot(*np.mgrid[-5:6, -5:6]).ravel()
    response = (
        -3e-2 * np.exp(-np.rint(distance) / 2.5) * np.array([[1.0], [1e-3]])
    )  # sign and size do not matter
    np.testing.assert_allclose(decay_rate(log_profile(response, distance, 5)), 1 / 2.5, rtol=1e-12)


@pytest.mark.parametrize(("estimator", "other"), [("centered", -0.2), ("one_sided", 0.0)])
def test_readout_noise_is_that_of_phases_read_with_errors(estimator, other):
    rng, beta, error, relaxations = np.random.default_rng(0), 0.2, 0.03, 20
    phases = rng.uniform(-np.pi, np.pi, (4000, relaxations, 2))

    def reading():
        read = phases + error * rng.standard_normal(phases.shape)
        return np.cos(read[..., 0] - read[..., 1]).mean(axis=1)

    entries = (reading() - reading()) / (beta - other)
    assert entries.std() == pytest.approx(
        readout_noise(error, beta, estimator, relaxations), rel=0.05
    )


def test_noise_follows_from_step_and_parameters():
    def update(noise, step, first=0.3):
        theta, noisy = np.append(first, np.zeros(50)), NoisyGradient(xyep.Adam(0.1), noise)
        return noisy.update(theta, np.zeros(51), noisy.init(theta), step, 0.1) - theta

    assert np.array_equal(update(0.5, 3), update(0.5, 3))
    assert not np.array_equal(update(0.5, 3), update(0.5, 4))
    assert not np.array_equal(update(0.5, 3), update(0.5, 3, first=0.4))
    assert not update(0.0, 3).any()


def test_noise_is_an_optimizer_of_training():
    optimizer = NoisyGradient(xyep.Adam(0.1), 0.5)
    training = xyep.Training(epochs=2, optimizer=optimizer)
    assert (
        isinstance(optimizer, xyep.Optimizer) and training.describe()["optimizer"]["noise"] == 0.5
    )


def test_skip_networks_differ_in_their_couplings_alone():
    networks = skip_networks(7, 3, [1, 2], 3, seed=5)
    nearest, regular, random = (networks[name] for name in ("shells1", "skip", "random"))
    assert regular.n_couplings == random.n_couplings > nearest.n_couplings
    assert set(regular.lengths) == {1.0, 3.0} and set(nearest.lengths) == {1.0}
    assert not np.array_equal(random.edges, skip_networks(7, 3, [1, 2], 3, seed=6)["random"].edges)


def test_what_07_repeats_of_05_is_the_same():
    paths = [results("paper", n) for n in ("05_mnist_stacked_lattices", "07_what_to_build")]
    if not all(path.exists() for path in paths):
        pytest.skip("the paper's results are not in this folder")
    five, seven = map(xyep.read_tree, paths)
    nets = images.networks(five["images"].to_dataset(inherit=False))
    first = [images.sparse(nets), *images.questions(nets)]
    again = guidelines.recommendations(seven)[: len(first)]
    told = [[(row.statement, row.verdict, row.measured) for row in rows] for rows in (first, again)]
    assert told[0] == told[1] and len(first) == 5
