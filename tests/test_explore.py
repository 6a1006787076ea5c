"""The lattice in a browser computes what the package computes.

Node runs the physics alone, and a headless browser the whole page, by the pointer and the buttons
that a reader uses. Both are skipped where they are not installed.
"""

import base64
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import xyep
from xyep.explore import NO_WIDGET, STATIC
from xyep.pictures import phase_colour
from xyep.responses import circular_difference
from xyep.settings import FREE_SWEEPS, NUDGED_SWEEPS

NODE = shutil.which("node")
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
needs_browser = pytest.mark.skipif(BROWSER is None, reason=f"none of {BROWSERS} is installed")

NET = xyep.xor_lattice(7, shells=4, distance=2)
XOR = xyep.load_task("xor")
#: As training relaxes by default, but in float64.
FREE, NUDGED = xyep.GaussSeidel(sweeps=FREE_SWEEPS), xyep.GaussSeidel(sweeps=NUDGED_SWEEPS)


@cache
def trained():
    return xyep.train(NET, XOR, epochs=100, seed=1, snapshots=(0, 100), responses=())


@cache
def explorer():
    return xyep.explore(NET, trained())


def started(seed, samples=1, inputs=((0.3, -1.1),), net=NET):
    """(sample, site) random phases with the inputs in place."""
    phases = np.random.default_rng(seed).uniform(-np.pi, np.pi, (samples, net.n_sites))
    phases[:, : net.n_inputs] = inputs
    return phases


def far(a, b):
    return np.abs(circular_difference(np.array(a), np.array(b))).max()


def node(tmp_path, script, **given):
    """What `script` puts into `out`; it sees the physics as `xy` and the names given."""
    (tmp_path / "xy.mjs").write_bytes((STATIC / "xy.js").read_bytes())
    (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8")
    (tmp_path / "run.mjs").write_text(
        'import * as xy from "./xy.mjs";\nimport { readFileSync } from "fs";\n'
        'const given = JSON.parse(readFileSync("given.json", "utf8"));\nlet out;\n'
        f"{script}\nconsole.log(JSON.stringify(out));\n",
        encoding="utf-8",
    )
    done = subprocess.run([NODE, "run.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.files.get(self.path)
        self.send_response(200 if body is not None else 404)
        kind = {"js": "text/javascript", "css": "text/css", "json": "application/json"}
        end = self.path.rpartition(".")[2]
        self.send_header("Content-Type", f"{kind.get(end, 'text/html')}; charset=utf-8")
        self.end_headers()
        self.wfile.write((body or "").encode())

    def do_POST(self):
        self.server.heard.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def browse(tmp_path, page, script, files=None, seconds=120):
    """What `script`, the body of an async function of `lattice`, returns in a headless browser."""
    drive = """
<script type="module">
const host = document.querySelector("[data-xyep-lattice]");
const until = async (true_) => { while (!true_()) await new Promise((r) => setTimeout(r, 20)); };
const tell = (what) => fetch("/", { method: "POST", body: JSON.stringify(what) });
const pointer = (kind, x, y) => {
  const canvas = host.lattice.el.lattice, box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent(kind,
    { clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true }));
};
const atRest = () => until(() => host.lattice.rest);
const press = (name) => host.querySelector(`[data-x=${name}]`).click();
const put = (selector, value) => {
  const e = host.querySelector(selector);
  e.value = value;
  e.dispatchEvent(new Event("input", { bubbles: true }));
};
addEventListener("error", (e) => tell({ error: e.message }));
addEventListener("unhandledrejection", (e) => tell({ error: String(e.reason?.stack ?? e.reason) }));
await until(() => host.lattice);
const lattice = host.lattice;
await tell(await (async () => {SCRIPT})());
</script>"""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.files = {"/": page + drive.replace("SCRIPT", script)} | (files or {})
    server.heard = queue.Queue()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,900"]
    command += [f"http://127.0.0.1:{server.server_port}/"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:
        try:
            told = json.loads(server.heard.get(timeout=seconds))
        finally:
            process.terminate()
            server.shutdown()
            server.server_close()
    assert not (isinstance(told, dict) and "error" in told), told["error"]
    return told


# ------------------------------------------------------------------------------------ the document


def test_the_document_holds_the_snapshots_without_loss(tmp_path):
    networks = json.loads(explorer().json)["networks"]
    assert [d["epochs"] for d in networks] == [[0, 100]]
    (kind, text), *more = networks[0]["theta"].items()
    assert not more
    thetas = np.frombuffer(base64.b64decode(text), f"<{kind}").reshape(2, -1)
    for shot in (0, -1):
        wanted = xyep.parameters_of(trained(), snapshot=shot).flatten()
        np.testing.assert_array_equal(thetas[shot], wanted)
    path = explorer().save(tmp_path / "lattice.json")
    assert path.read_text(encoding="utf-8") == explorer().json


def test_one_seed_of_an_ensemble():
    training = xyep.Training(epochs=3, snapshots=(0, 3), responses=(), final_states=0)
    case = xyep.Case(NET, XOR, training, seeds=(0, 1))
    tree = xyep.train_ensemble({"a": case}, scheduler="threads")
    document = xyep.explore(NET, tree["a"], seed=1).networks[0]
    wanted = xyep.explore(NET, xyep.parameters_of(tree["a"], seed=1)).networks[0]
    assert document["epochs"] == [0, 3]
    assert document["theta"]["f4"].endswith(wanted["theta"]["f4"][-100:])


def test_a_label_cannot_end_the_script(tmp_path):
    labels = ["</script>", "b", "c"]
    net = xyep.Network([(0, 1), (1, 2)], [0], [2], labels=labels, name="<b>&</script>")
    text = xyep.explore(net).save(tmp_path / "x.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 2 and "<b>&" not in text


def test_a_page_asks_for_nothing(tmp_path):
    text = explorer().save(tmp_path / "lattice.html").read_text(encoding="utf-8")
    # but the document of a <div> that names one
    assert re.findall(r"(?:src|href)=|https?:|@import|url\(", text) == []
    assert text.count("fetch(") == 1 and "fetch(name)" in text


def test_bad_input(tmp_path):
    other = xyep.xor_lattice(7, shells=4, distance=1)
    with pytest.raises(ValueError, match="tree: found the result of another network"):
        xyep.explore(other, trained())
    with pytest.raises(TypeError, match="tree: found"):
        xyep.explore(NET, "results.zarr")
    with pytest.raises(ValueError, match="at most 1500 and 10000 can be drawn"):
        xyep.explore(xyep.layered([784, 120, 10]))
    with pytest.raises(TypeError, match="net: found None"):
        xyep.explore(task=XOR)
    with pytest.raises(ValueError, match=r"task: xor has 2 inputs"):
        xyep.explore(xyep.all_to_all(6, inputs=3), task=XOR)
    with pytest.raises(ValueError, match=r"path: found 'lattice.txt'"):
        explorer().save(tmp_path / "lattice.txt")
    tree = xyep.train(NET, XOR, epochs=1, nudging="tangent", final_states=0)
    with pytest.warns(UserWarning, match="tree: found a training by another cost"):
        xyep.explore(NET, tree)


def test_without_anywidget_one_line_names_the_extra(monkeypatch):
    shown = xyep.explore(NET)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r"pip install 'xyep\[lab\]'") as error:
        _ = shown.widget
    assert (
        shown._repr_mimebundle_() == {"text/plain": NO_WIDGET} == {"text/plain": str(error.value)}
    )


def test_python_reads_what_was_done_in_jupyter():
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    shown = xyep.explore(NET)
    with pytest.raises(ValueError, match="phases: nothing is known yet"):
        _ = shown.phases
    theta, phases = NET.init_parameters(3).flatten(), started(0)[0]
    shown.widget.report = {
        "network": 0,
        "theta": theta.tolist(),
        "phases": phases.tolist(),
        "cut": [2],
    }
    assert far(shown.phases, phases) == 0
    np.testing.assert_array_equal(shown.parameters.flatten(), theta)
    assert NET.without(couplings=shown.cut).n_couplings == NET.n_couplings - 1


# ---------------------------------------------------------------------------------- physics in node

OPEN = """
const d = given.networks[0], net = new xy.XY(d), all = xy.unpack(d.theta);
const size = net.nJ + 2 * net.n, theta = all.slice((d.epochs.length - 1) * size);
net.set(theta);
"""


@needs_node
@pytest.mark.parametrize("kind", ["lattice", "periodic", "tied", "all_to_all"])
def test_relaxation_energy_and_cost(tmp_path, kind):
    tied = xyep.stacked_lattices((6, 6), window=3, shared=True, outputs=2)
    net = {
        "lattice": NET,
        "periodic": xyep.xor_lattice(6, shells=2, periodic=True),
        "tied": tied,
        "all_to_all": xyep.all_to_all(10),
    }[kind]
    p = net.init_parameters(seed=4)
    x = np.linspace(-1.0, 1.2, net.n_inputs)
    start = started(5, 1, x, net)
    targets = np.full((1, net.n_outputs), 0.9)
    found = node(
        tmp_path,
        OPEN
        + """
const u = net.state(given.start), sweeps = net.relax(u), free = net.phases(u);
const nudge = net.nudge(0.4, given.targets);
const more = net.relax(u, nudge);
out = { free, sweeps, energy: net.energy(net.state(free)), nudged: net.phases(u),
  cost: net.cost(u, nudge) };
""",
        networks=xyep.explore(net, p).networks,
        start=start[0].tolist(),
        targets=targets[0].tolist(),
    )
    free = xyep.relax(net, p, [x], initial=start)
    nudged = xyep.relax(net, p, [x], initial=free.phases, beta=0.4, targets=targets)
    assert far(found["free"], free.phases[0]) < 1e-6
    assert far(found["nudged"], nudged.phases[0]) < 1e-6
    assert abs(found["sweeps"] - free.iterations[0]) <= 1  # the last digits decide when it ends
    np.testing.assert_allclose(found["energy"], xyep.energy(net, p, free.phases)[0], rtol=1e-12)
    outputs = nudged.phases[:, -net.n_outputs :]
    wanted = [xyep.LogCosine()(outputs, targets)[0], xyep.mismatch(outputs, targets)[0]]
    np.testing.assert_allclose(found["cost"], wanted, atol=1e-7)


@needs_node
@pytest.mark.parametrize("sharpness", [1.0, 0.5, 0.0])
def test_gradient_and_updates(tmp_path, sharpness):
    cost = xyep.LogCosine(sharpness)
    tree = xyep.train(NET, XOR, epochs=1, cost=cost, final_states=0, snapshots=(0, 1))
    shown, p = xyep.explore(NET, tree), xyep.parameters_of(tree)
    start = started(6, 4, XOR.inputs)
    found = node(
        tmp_path,
        OPEN
        + """
const g = new Float64Array(theta.length), t = d.training;
given.start.forEach((phases, p) =>
  net.contrast(g, 0.25, net.state(phases), t.beta, d.patterns.targets[p], t.free, t.nudged));
const moments = [g.map(() => 0), g.map(() => 0)];
const one = xy.RULES.adam(theta, g, moments, 1), two = xy.RULES.adam(one, g, moments, 2);
out = { g: [...g], two: [...two], plain: [...xy.RULES.plain(theta, g)] };
""",
        networks=shown.networks,
        start=start.tolist(),
    )
    wanted = xyep.ep_gradient(
        NET,
        p,
        XOR.inputs,
        XOR.targets,
        initial=start,
        method=FREE,
        nudged_method=NUDGED,
        cost=cost,
    ).parameters.flatten()
    np.testing.assert_allclose(found["g"], wanted, atol=1e-9)
    rule, theta = xyep.Adam(), p.flatten()
    state = rule.init(theta)
    for step in (1, 2):
        theta = rule.update(theta, np.array(found["g"]), state, step, 0.02)
    np.testing.assert_allclose(found["two"], theta, atol=1e-12)
    np.testing.assert_allclose(found["plain"], p.flatten() - 0.1 * wanted, atol=1e-9)


@needs_node
def test_a_cut_coupling_counts_nothing(tmp_path):
    p, start = NET.init_parameters(seed=4), started(5)
    found = node(
        tmp_path,
        OPEN
        + """
net.cut[9] = net.cut[30] = 1;
net.set(theta);
const u = net.state(given.start), g = new Float64Array(theta.length);
net.relax(u);
net.addGradient(g, 1, u);
out = { phases: net.phases(u), energy: net.energy(u), zero: [g[9], g[30]], other: g[10] };
""",
        networks=xyep.explore(NET, p).networks,
        start=start[0].tolist(),
    )
    couplings = p.couplings.copy()
    couplings[[9, 30]] = 0
    cut = p._replace(couplings=couplings)
    eq = xyep.relax(NET, cut, start[:, :2], initial=start)
    assert far(found["phases"], eq.phases[0]) < 1e-6
    np.testing.assert_allclose(found["energy"], xyep.energy(NET, cut, eq.phases)[0], rtol=1e-12)
    assert found["zero"] == [0, 0] and found["other"] != 0


# ------------------------------------------------------------------------------------ in a browser


@needs_browser
def test_a_page_relaxes_nudges_and_cuts_by_hand(tmp_path):
    page = explorer().save(tmp_path / "lattice.html").read_text(encoding="utf-8")
    start = started(8)
    told = browse(
        tmp_path,
        page,
        f"const start = {start[0].tolist()};"
        + """
const out = {};
lattice.u = lattice.net.state(start);
lattice.history = [];
// turn input 0 by its hand to 0.3, input 1 by its slider to −0.35 π
const [x, y] = lattice.at[0];
pointer("pointerdown", x, y);
pointer("pointermove", x + 50 * Math.cos(0.3), y - 50 * Math.sin(0.3));
pointer("pointerup", x + 50, y);
put("[data-x=input1] input, input[data-x=input1]", -0.36);
lattice.u = lattice.net.state(start);
lattice.cursor = 0;
lattice.disturb("input");
await atRest();
out.inputs = lattice.x;
out.free = lattice.net.phases(lattice.u);
out.energies = lattice.history.map((p) => p.e);
// nudge the output
put("input[data-x=target0]", 0.3);
put("input[data-x=beta]", 0.4);
await atRest();
out.nudged = lattice.net.phases(lattice.u);
put("input[data-x=beta]", 0);
await atRest();
// cut a coupling by a click beside its middle, where no site lies
const { c, line } = lattice.lines.find(({ line, c }) => {
  const spot = [0.25 * line[0] + 0.5 * line[2] + 0.25 * line[4],
    0.25 * line[1] + 0.5 * line[3] + 0.25 * line[5]];
  const found = lattice.pick(spot, 8);
  return found?.coupling === c && Math.abs(lattice.net.J[c]) > 0.5;
});
const middle = [0.25 * line[0] + 0.5 * line[2] + 0.25 * line[4],
  0.25 * line[1] + 0.5 * line[3] + 0.25 * line[5]];
out.before = lattice.net.phases(lattice.u);
pointer("pointerdown", ...middle);
pointer("pointerup", ...middle);
await atRest();
out.coupling = c;
out.cut = lattice.report().cut;
out.after = lattice.net.phases(lattice.u);
out.status = lattice.el.status.textContent;
press("mend");
out.mended = lattice.report().cut;
return out;
""",
    )
    p = xyep.parameters_of(trained())
    inputs = np.array([told["inputs"]])
    np.testing.assert_allclose(inputs, [[0.3, -0.36 * np.pi]], atol=1e-12)
    free = xyep.relax(NET, p, inputs, initial=np.hstack([inputs, start[:, 2:]]))
    assert far(told["free"], free.phases[0]) < 1e-6
    assert (np.diff(told["energies"]) < 1e-9).all() and len(told["energies"]) > 10
    targets = [[0.3 * np.pi]]
    nudged = xyep.relax(NET, p, inputs, initial=free.phases, beta=0.4, targets=targets)
    assert far(told["nudged"], nudged.phases[0]) < 1e-6
    assert far(nudged.phases, free.phases) > 1e-3
    assert told["cut"] == [told["coupling"]] and told["mended"] == []
    couplings = p.couplings.copy()
    couplings[told["coupling"]] = 0
    before = np.array([told["before"]])
    eq = xyep.relax(NET, p._replace(couplings=couplings), inputs, initial=before)
    assert far(told["after"], eq.phases[0]) < 1e-6
    assert far(told["after"], told["before"]) > 1e-3


@needs_browser
def test_a_page_takes_an_update_and_learns_xor(tmp_path):
    """As a site embeds it: document and modules in files of their own."""
    page = '<!doctype html><div data-xyep-lattice="lattice.json"></div>'
    page += '<script type="module" src="explore.js"></script>'
    files = {f"/{f.name}": f.read_text(encoding="utf-8") for f in STATIC.iterdir()}
    files["/lattice.json"] = explorer().json
    start = started(10, 20, np.repeat(XOR.inputs, 5, axis=0))
    told = browse(
        tmp_path,
        page,
        f"const turns = {(start[:, 2:] / (2 * np.pi)).ravel().tolist()};"
        + """
const out = {};
put("input[data-x=shot]", 0);
const draws = lattice.draws;
lattice.draws = () => turns.shift();
press("update");
out.left = turns.length;
out.theta = [...lattice.theta];
lattice.draws = draws;
press("learn");
await until(() => lattice.updates >= 400);
press("learn");
out.trace = lattice.trace;
out.learning = lattice.learning;
await atRest();
lattice.answers = null;
lattice.listPatterns();
out.marks = [...host.querySelectorAll("[data-right]")].map((b) => b.dataset.right);
out.theta400 = [...lattice.theta];
return out;
""",
        files,
    )
    assert told["left"] == 0 and told["learning"] is False
    p = xyep.parameters_of(trained(), snapshot=0)
    gradient = xyep.ep_gradient(
        NET,
        p,
        XOR.inputs,
        XOR.targets,
        initial_states=5,
        initial=start,
        method=FREE,
        nudged_method=NUDGED,
    ).parameters.flatten()
    rule, theta = xyep.Adam(), p.flatten()
    # Adam divides by the size of the gradient: where that is a rounding error, so is the update
    sure = np.abs(gradient) > 1e-8
    wanted = rule.update(theta, gradient, rule.init(theta), step=1, rate=0.02)
    np.testing.assert_allclose(np.array(told["theta"])[sure], wanted[sure], atol=1e-8)
    assert sure.sum() > 0.9 * NET.n_parameters
    updates, mismatch, right = np.array(told["trace"]).T
    assert mismatch[0] > 0.3 and mismatch[-1] < 0.1 and right[-1] == 1.0
    assert told["marks"] == ["true"] * 4
    score = xyep.evaluate(NET, NET.unflatten(np.array(told["theta400"])), XOR, initial_states=20)
    assert score["accuracy"] > 0.95


# ---------------------------------------------------------------------------------------- pictures


@needs_browser
def test_pictures_have_the_colours_of_the_page(tmp_path):
    page = explorer().save(tmp_path / "lattice.html").read_text(encoding="utf-8")
    told = browse(
        tmp_path,
        page,
        """
const g = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
return [0, 0.7, 1.57, 2.5, 3.14, -0.9, -1.57].map((phi) => {
  const e = document.createElement("i");
  lattice.dial(e, phi);
  g.fillStyle = e.style.getPropertyValue("--fill");
  g.fillRect(0, 0, 1, 1);
  return [...g.getImageData(0, 0, 1, 1).data.slice(0, 3)];
});
""",
    )
    for phi, rgb in zip([0, 0.7, 1.57, 2.5, 3.14, -0.9, -1.57], told):
        text = phase_colour(phi)
        assert np.abs(np.array(rgb) - [int(text[k : k + 2], 16) for k in (1, 3, 5)]).max() <= 4
