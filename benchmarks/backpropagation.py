"""Training LCL by equilibrium propagation beside plain backpropagation in JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import process_time

import numpy as np
from sides import HELD_BACK, spread
from tqdm import tqdm

BATCH, RATE = 128, 2e-3

#: One core: JAX spreads what it does over all it finds.
ONE_CORE = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "OMP_NUM_THREADS": "1"}


def backpropagation(quick, reference):
    """Epochs of MNIST (60,000 images) on one core: LCL by EP, and ReLU networks by JAX.

    "Dense" is 784-529-10, as many units as LCL has sites; "local" has the windows of LCL below its
    529 units, gathered from the images, so that no zero is multiplied. Batches of 128, Adam with a
    rate of 0.002 that falls as a cosine, cross-entropy; LCL has the settings for images. Neither is
    tuned here. CPU time of the process, the first epoch, which compiles, not counted; accuracy on
    the test images after 12 epochs, one seed. Backpropagation is the limit for whoever needs no
    physical network.
    """
    epochs, rows = 3 if quick else 12, []
    for name in tqdm(("LCL, EP", "dense", "local"), desc="backpropagation"):
        kept = {k: v for k, v in os.environ.items() if k not in HELD_BACK}
        command = [sys.executable, str(Path(__file__).resolve()), name, str(epochs)]
        if hasattr(os, "sched_setaffinity"):
            core = min(os.sched_getaffinity(0))
            command = ["taskset", "-c", str(core), *command]
        done = subprocess.run(command, env=kept | ONE_CORE, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append(
            {
                "network": name,
                "parameters": found["parameters"],
                "s an epoch": spread(found["seconds"]),
                "test accuracy, %": 100 * found["accuracy"],
            }
        )
    first = np.median(rows[0]["s an epoch"]["median"])
    return [row | {"to EP": float(row["s an epoch"]["median"] / first)} for row in rows]


def _equilibrium(task, epochs):
    """Seconds of each epoch but the first, and the test's accuracy."""
    import xyep

    clock = []
    xyep_options = xyep.IMAGES | {"epochs": epochs, "responses": ()}

    def tick(run):
        clock.append(process_time())

    net = xyep.stacked_lattices((28, 28))
    tree = xyep.train(net, task, callback=tick, **xyep_options)
    n = net.n_parameters + 2 * net.n_free
    return np.diff(clock).tolist(), float(tree["test_accuracy"]), n


def _windows(net):
    """(hidden site, 36) numbers of the inputs of each hidden site."""
    i, j = net.edges[net.edges[:, 0] < net.n_inputs].T
    order = np.lexsort((i, j))
    return i[order].reshape(-1, np.bincount(j).max())


def _backpropagation(task, epochs, local):
    import jax
    import jax.numpy as jnp

    import xyep

    windows = _windows(xyep.stacked_lattices((28, 28))) if local else None
    units = 529
    rng = np.random.default_rng(0)
    shape = windows.shape if local else (784, units)
    below = windows.shape[1] if local else 784
    parameters = {
        "w": rng.normal(size=shape) * np.sqrt(2 / below),
        "b": np.zeros(units),
        "v": rng.normal(size=(units, 10)) * np.sqrt(1 / units),
        "c": np.zeros(10),
    }
    p = {name: jnp.asarray(value, jnp.float32) for name, value in parameters.items()}

    def answer(p, x):
        fed = jnp.einsum("snk,nk->sn", x[:, windows], p["w"]) if local else x @ p["w"]
        return jax.nn.relu(fed + p["b"]) @ p["v"] + p["c"]

    def cost(p, x, label):
        logits = jax.nn.log_softmax(answer(p, x))
        return -jnp.take_along_axis(logits, label[:, None], axis=1).mean()

    def step(state, rows):
        p, m, s, t = state
        g, t = jax.grad(cost)(p, x[rows], label[rows]), t + 1
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        s = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, s, g)
        k, l = 1 - 0.9**t, 1 - 0.999**t
        rate = RATE * 0.5 * (1 + jnp.cos(jnp.pi * t / steps)) / k
        p = jax.tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s / l) + 1e-8), p, m, s)
        return (p, m, s, t), None

    train, test = task.train, task.test
    x, label = jnp.asarray(train.inputs, jnp.float32), jnp.asarray(train.labels)
    steps = epochs * (len(x) // BATCH)
    epoch = jax.jit(lambda state, order: jax.lax.scan(step, state, order)[0])
    zero = jax.tree.map(jnp.zeros_like, p)
    state, clock = (p, zero, zero, jnp.float32(0)), []
    for _ in range(epochs):
        order = rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH)
        state = jax.block_until_ready(epoch(state, jnp.asarray(order)))
        clock.append(process_time())
    right = np.argmax(answer(state[0], jnp.asarray(test.inputs, jnp.float32)), 1) == test.labels
    n = sum(value.size for value in parameters.values())
    return np.diff(clock).tolist(), float(right.mean()), n


if __name__ == "__main__":
    import xyep

    name, epochs = sys.argv[1], int(sys.argv[2])
    task = xyep.load_task("mnist", validation=0)
    if name == "LCL, EP":
        found = _equilibrium(task, epochs)
    else:
        found = _backpropagation(task, epochs, name == "local")
    print(json.dumps(dict(zip(("seconds", "accuracy", "parameters"), found))))
