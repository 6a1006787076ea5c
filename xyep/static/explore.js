// The lattice, alive: an XY network that relaxes, answers and learns before one's eyes.
//
// The physics is in xy.js; here is the picture, `mount(element, data)`, which is used twice:
//   in Jupyter by anywidget, through the default export;
//   in a page, where it fills every <div data-xyep-lattice="file.json">, or such a div without a
//   name that holds the data in a <script type="application/json">.
// `data` is what xyep.explore(net, tree).save("file.json") writes.

import { RULES, TURN, XY, random, unpack } from "./xy.js";

/** sin φ turns the colour from teal (−π/2, class 0) to gold (+π/2, class 1), cos φ its lightness. */
function phaseColour(phi) {
  const s = Math.sin(phi), [a, b] = s > 0 ? [0.02 * s, 0.13 * s] : [0.085 * s, 0.035 * s];
  return `oklab(${(0.74 + 0.13 * Math.cos(phi)).toFixed(3)} ${a.toFixed(3)} ${b.toFixed(3)})`;
}
const COLOURS = Array.from({ length: 128 }, (_, k) => phaseColour((k / 128) * TURN));
const colourOf = (phi) => COLOURS[Math.round((phi / TURN) * 128 + 256) % 128];
const INK = {
  light: { ink: "#1d2129", soft: "#6b7280", faint: "#d9dce1", plus: "178,24,43", minus: "33,102,172",
    empty: "#f1f2f4", full: [0.45, 0.1, -0.11] },
  dark: { ink: "#eceef1", soft: "#9aa1ad", faint: "#3b4048", plus: "239,111,108", minus: "104,168,232",
    empty: "#2a2e35", full: [0.78, 0.07, -0.09] },
};
const PACES = { site: "site by site", sweep: "sweep by sweep", once: "at once" };
const SHOWN = { phase: "phases", nudge: "nudge response", input: "input response" };
const CHUNK = 8; // patterns that are listed

const number = (v, d = 2) => v.toFixed(d).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");
const angleOf = (phi) => `${number(phi / Math.PI)} π`;
const wrap = (phi) => phi - TURN * Math.round(phi / TURN);
const radios = (name, id, choices) => Object.entries(choices).map(([value, text]) =>
  `<label><input type="radio" name="${name}-${id}" value="${value}"><span>${text}</span></label>`).join("");
const slider = (name, text, lo, hi, step) => `<label class="xyep-slider"><span>${text}</span>` +
  `<input type="range" data-x="${name}" min="${lo}" max="${hi}" step="${step}"><output></output></label>`;
const template = (id) => `<div class="xyep-body">
<div class="xyep-stage">
  <canvas data-x="lattice" tabindex="0" role="application"></canvas>
  <p class="xyep-legend"><span><i class="xyep-dial" data-turn></i> phase φ</span>
    <span><i class="xyep-box"></i> input</span> <span><i class="xyep-box xyep-tip"></i> output</span>
    <span><i class="xyep-line" data-sign="plus"></i> J &gt; 0 aligns</span>
    <span><i class="xyep-line" data-sign="minus"></i> J &lt; 0 opposes</span></p>
  <p class="xyep-status" data-x="status" role="status"></p>
</div>
<div class="xyep-plots">
  <canvas data-x="energy" role="img"></canvas><canvas data-x="trace" role="img"></canvas>
</div>
<div class="xyep-panel">
  <label class="xyep-slider" data-x="chooser"><span>network</span><select data-x="network"></select></label>
  ${slider("shot", "epoch", 0, 0, 1)}
  <fieldset><legend>Ask</legend><div class="xyep-patterns" data-x="patterns"></div><div data-x="inputs"></div></fieldset>
  <fieldset><legend>Nudge</legend>${slider("beta", "β", -1, 1, 0.05)}<div data-x="targets"></div></fieldset>
  <fieldset><legend>Learn</legend><div class="xyep-buttons">
    <button type="button" data-x="update">One update</button>
    <button type="button" data-x="learn" aria-pressed="false">Learn</button>
    <select data-x="rule" aria-label="rule"><option value="adam">Adam, 0.02</option><option value="plain">plain, 0.1</option></select>
  </div></fieldset>
  <fieldset><legend>Relax</legend><div class="xyep-choice">${radios("pace", id, PACES)}</div>
    <div class="xyep-buttons"><button type="button" data-x="shake">Random phases</button>
    <button type="button" data-x="mend" disabled>Undo cuts</button></div></fieldset>
  <fieldset><legend>Show</legend><div class="xyep-choice">${radios("shown", id, SHOWN)}</div></fieldset>
</div></div>`;
let mounted = 0;

class Lattice {
  constructor(host, data, changed) {
    Object.assign(this, { host, data, changed, selected: -1, hover: null, drag: null, seen: true });
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.pace = this.calm.matches ? "once" : "sweep";
    this.shown = "phase";
    const id = ++mounted;
    host.innerHTML = template(id);
    host.classList.add("xyep");
    this.el = {};
    for (const e of host.querySelectorAll("[data-x]")) this.el[e.dataset.x] = e;
    for (const d of data.networks) this.el.network.append(new Option(d.name));
    this.el.chooser.hidden = data.networks.length < 2;
    this.listen(id);
    this.theme();
    this.open(0);
  }

  // ---- state

  open(k) {
    const d = (this.d = this.data.networks[k]), net = (this.net = new XY(d));
    const size = net.nJ + 2 * net.n, all = unpack(d.theta);
    this.index = k;
    this.shots = d.epochs.map((_, s) => all.slice(s * size, (s + 1) * size));
    this.scale = Math.sqrt(d.parameter.reduce((sum, p) => sum + this.shots.at(-1)[p] ** 2, 0) / net.m) * 2 || 1;
    this.draws = random(1);
    this.u = net.state(Array.from({ length: net.n }, () => this.draws() * TURN));
    this.x = d.patterns.inputs[0]?.slice() ?? Array(net.inputs).fill(0);
    this.targets = d.patterns.targets[0]?.slice() ?? Array(net.outputs).fill(Math.PI / 2);
    this.beta = 0;
    this.selected = -1;
    this.cursor = this.sweeps = 0;
    this.history = [];
    const rows = (kind, text, n) => Array.from({ length: Math.min(n, 4) }, (_, i) =>
      slider(`${kind}${i}`, `${text}<sub>${i + 1}</sub>`, -1, 1, 0.02)).join("");
    this.el.inputs.innerHTML = rows("input", "x", net.inputs);
    this.el.targets.innerHTML = rows("target", "t", net.outputs);
    for (const e of this.host.querySelectorAll("[data-x]")) this.el[e.dataset.x] = e;
    this.el.patterns.innerHTML = "";
    d.patterns.inputs.slice(0, CHUNK).forEach((x, p) => {
      const b = this.el.patterns.appendChild(document.createElement("button"));
      b.type = "button";
      b.innerHTML = x.slice(0, 6).map(() => '<i class="xyep-dial xyep-square"></i>').join("") + '<b>→</b>' +
        d.patterns.targets[p].slice(0, 6).map(() => '<i class="xyep-dial"></i>').join("") + "<em></em>";
      b.onclick = () => this.ask(p);
    });
    this.el.update.disabled = this.el.learn.disabled = !d.patterns.inputs.length;
    this.el.shot.max = d.epochs.length - 1;
    this.el.shot.parentElement.hidden = d.epochs.length < 2;
    this.layout();
    this.load(d.epochs.length - 1);
  }

  /** Parameters of a snapshot. */
  load(shot) {
    this.learn(false);
    this.shot = shot;
    this.theta = this.shots[shot].slice();
    this.moments = [new Float64Array(this.theta.length), new Float64Array(this.theta.length)];
    this.updates = 0;
    this.batch = null;
    this.trace = [];
    this.changedParameters();
  }

  changedParameters(why = "parameters") {
    this.net.set(this.theta);
    this.layer = null;
    if (!this.learning) this.answers = null;
    this.disturb(why);
  }

  /** Something has changed: relax again. */
  disturb(why) {
    const { net, u } = this;
    this.x.forEach((phi, i) => { u.x[i] = Math.cos(phi); u.y[i] = Math.sin(phi); });
    this.nudging = net.nudge(this.beta, this.targets);
    this.rest = this.listed = false;
    this.worst = 0;
    this.response = null;
    if (!this.learning && this.history.length && why !== this.why) this.mark(why);
    this.why = why;
    this.controls();
    this.wake();
  }

  mark(why) {
    this.history.push({ s: this.time, e: this.total(), why });
  }

  ask(p) {
    this.x = this.d.patterns.inputs[p].slice();
    this.targets = this.d.patterns.targets[p].slice();
    this.disturb("pattern");
  }

  turn(site, phi) {
    if (site < this.net.inputs) this.x[site] = wrap(phi);
    else {
      this.targets[site - this.net.firstOutput] = wrap(phi);
      if (!this.beta) this.beta = 0.5;
    }
    this.disturb(site < this.net.inputs ? "input" : "target");
  }

  cutOrMend(c) {
    this.net.cut[c] ^= 1;
    this.changedParameters("cut");
    this.say(`${this.net.cut[c] ? "cut" : "no longer cut"}: ${this.nameOf(c)}`);
  }

  get time() { return this.sweeps + this.cursor / this.net.order.length; }

  /** E + βC, the energy that falls. */
  total() {
    return this.net.energy(this.u) + (this.beta ? this.beta * this.net.cost(this.u, this.nudging)[0] : 0);
  }

  // ---- motion

  wake() {
    if (!this.raf && this.seen) this.raf = requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    this.raf = 0;
    const passed = Math.min(now - (this.last ?? now), 100);
    this.last = now;
    if (this.learning) this.study(this.calm.matches ? 200 : 7);
    if (!this.rest) this.advance(passed);
    this.draw();
    if (this.learning && this.calm.matches) setTimeout(() => this.wake(), 300);
    else if (this.learning || !this.rest) this.wake();
    else this.last = undefined;
  }

  /** Visits for so many milliseconds: one or a few a frame, or all that is left. */
  advance(passed) {
    const { net } = this, n = net.order.length, end = performance.now() + 6;
    const rate = { site: 24 / 1000, sweep: (24 * n) / 1000, once: Infinity }[this.pace];
    this.due = rate === Infinity ? Infinity : (this.due > n ? 0 : this.due ?? 0) + passed * rate;
    while (this.due >= 1 && !this.rest) {
      const to = Math.min(n, this.cursor + Math.floor(this.due));
      this.worst = Math.max(this.worst, net.visit(this.u, this.nudging, this.cursor, to));
      this.due -= to - this.cursor;
      this.cursor = to;
      if (to === n) {
        this.cursor = 0;
        this.sweeps++;
        this.rest = this.worst <= 1e-9 && net.residual(this.u, this.nudging) <= 1e-9;
        this.worst = 0;
      }
      this.history.push({ s: this.time, e: this.total() });
      if (this.due === Infinity && performance.now() > end) break;
    }
    while (this.history.length > 2 && this.time - this.history[0].s > 120) this.history.shift();
    if (this.rest) {
      if (!this.learning) this.say();
      this.changed(this.report());
    }
  }

  learn(on) {
    this.learning = on;
    this.el.learn.setAttribute("aria-pressed", on);
    this.el.learn.textContent = on ? "Pause" : "Learn";
    if (on) this.wake();
  }

  /** Samples, and an update after the last of them, for so many milliseconds. */
  study(budget, updates = Infinity) {
    const { net, d } = this, { inputs, targets } = d.patterns, t = d.training;
    const end = performance.now() + budget, n = inputs.length * t.starts;
    let made = 0;
    do {
      this.batch ??= { g: new Float64Array(this.theta.length), at: 0, D: 0, right: 0, answers: [] };
      const b = this.batch, p = Math.floor(b.at / t.starts);
      const u = net.state(Array.from({ length: net.n }, (_, i) => inputs[p][i] ?? this.draws() * TURN));
      net.contrast(b.g, 1 / n, u, t.beta, targets[p], t.free, t.nudged);
      b.D += net.cost(u, net.nudge(0, targets[p]))[1] / n;
      const phases = net.phases(u).slice(net.firstOutput);
      if (b.at % t.starts === 0) b.answers.push(phases);
      b.right += net.answer(phases.map(Math.sin)) === net.answer(targets[p].map(Math.sin));
      if (++b.at < n) continue;
      this.theta = RULES[this.el.rule.value](this.theta, b.g, this.moments, ++this.updates);
      this.trace.push([this.updates, b.D, b.right / n]);
      this.answers = b.answers;
      this.batch = null;
      this.net.set(this.theta);
      made++;
    } while (made < updates && performance.now() < end);
    if (made) this.changedParameters("update");
  }

  /** What Python is told when the phases have come to rest. */
  report() {
    const { net } = this;
    return { network: this.index, phases: net.phases(this.u), inputs: this.x, targets: this.targets,
      beta: this.beta, energy: net.energy(this.u), theta: Array.from(this.theta), updates: this.updates,
      cut: [...net.cut.keys()].filter((c) => net.cut[c]) };
  }

  /** Change of each phase with the nudging, (φ^β − φ^−β)/(2β), or with the inputs. */
  respond() {
    const { net, d } = this, u = { x: this.u.x.slice(), y: this.u.y.slice() };
    net.relax(u, null, { most: 500 });
    const against = (move, step) => {
      const [a, b] = [step, -step].map((s) => {
        const v = { x: u.x.slice(), y: u.y.slice() };
        net.relax(v, move(v, s), { most: 500 });
        return net.phases(v);
      });
      return a.map((phi, i) => wrap(phi - b[i]) / (2 * step));
    };
    if (this.shown === "nudge") return against((v, s) => net.nudge(s, this.targets), d.training.beta);
    const sum = new Array(net.n).fill(0);
    for (let k = 0; k < net.inputs; k++)
      against((v, s) => { v.x[k] = Math.cos(this.x[k] + s); v.y[k] = Math.sin(this.x[k] + s); return null; }, 1e-3)
        .forEach((r, i) => { sum[i] += r * r; });
    return sum.map(Math.sqrt);
  }

  // ---- drawing

  theme() {
    // the text's own colour tells whether the page around is dark
    const [r, g, b] = getComputedStyle(this.host.parentElement ?? this.host).color.match(/[\d.]+/g).map(Number);
    this.dark = 0.3 * r + 0.6 * g + 0.1 * b > 128;
    this.host.dataset.theme = this.dark ? "dark" : "light";
    this.ink = INK[this.host.dataset.theme];
    this.layer = null;
  }

  layout() {
    const { d } = this, wide = this.el.lattice.clientWidth || 600;
    const [w, h] = [0, 1].map((a) => Math.max(...d.places.map((p) => p[a])) - Math.min(...d.places.map((p) => p[a])));
    const low = [0, 1].map((a) => Math.min(...d.places.map((p) => p[a])));
    let gap = Infinity;
    for (let i = 0; i < d.sites && i < 400; i++)
      for (let j = 0; j < i; j++) {
        const far = Math.hypot(d.places[i][0] - d.places[j][0], d.places[i][1] - d.places[j][1]);
        if (far > 1e-9) gap = Math.min(gap, far);
      }
    if (gap === Infinity) gap = 1;
    const edge = 0.75 * gap, unit = Math.min(wide / (w + 2 * edge), 620 / (h + 2 * edge), 90 / gap);
    const tall = Math.round(unit * (h + 2 * edge)), left = (wide - unit * w) / 2;
    this.r = Math.max(2, Math.min(0.3 * unit * gap, 24));
    this.at = d.places.map(([x, y]) => [left + unit * (x - low[0]), tall - unit * (y - low[1] + edge)]);
    this.size(this.el.lattice, wide, tall);
    // a coupling that would run through another site is bent around it
    const around = new Map(d.around.map(([c, x, y]) => [c, [unit * x, -unit * y]]));
    this.lines = Array.from({ length: this.net.m }, (_, c) => {
      const [i, j] = this.net.pair(c), [ax, ay] = this.at[i], [bx, by] = this.at[j];
      if (around.has(c)) {
        const [x, y] = around.get(c).map((v) => v / 2);
        return { c, halves: [[ax, ay, ax + x, ay + y], [bx, by, bx - x, by - y]] };
      }
      const x = bx - ax, y = by - ay, l2 = x * x + y * y || 1;
      const met = d.sites * this.net.m < 4e6 && this.at.some(([px, py], s) => {
        if (s === i || s === j) return false;
        const t = ((px - ax) * x + (py - ay) * y) / l2, off = Math.abs((px - ax) * y - (py - ay) * x) / Math.sqrt(l2);
        return t > 0 && t < 1 && off < 0.6 * this.r;
      });
      const bend = met ? 1.7 * this.r * ((i + j) & 1 ? 1 : -1) / Math.sqrt(l2) : 0;
      return { c, line: [ax, ay, ax + x / 2 - y * bend, ay + y / 2 + x * bend, bx, by] };
    });
    this.layer = null;
  }

  size(canvas, w, h) {
    const s = Math.min(devicePixelRatio || 1, 2.5);
    canvas.width = Math.round(w * s);
    canvas.height = Math.round(h * s);
    canvas.style.height = `${h}px`;
    const g = canvas.getContext("2d");
    g.setTransform(s, 0, 0, s, 0, 0);
    return Object.assign(g, { w, h });
  }

  trail(g, { line, halves }) {
    if (line) { g.moveTo(line[0], line[1]); g.quadraticCurveTo(...line.slice(2)); }
    else for (const [a, b, c, d] of halves) { g.moveTo(a, b); g.lineTo(c, d); }
  }

  /** Couplings: sign by colour, strength by width; drawn anew only when they change. */
  couplings() {
    const { net, ink } = this, main = this.el.lattice;
    const canvas = document.createElement("canvas");
    canvas.width = main.width;
    canvas.height = main.height;
    const g = canvas.getContext("2d");
    g.setTransform(main.getContext("2d").getTransform());
    g.lineCap = "round";
    const levels = 10, thin = Math.min(1, this.r / 12) * Math.max(0.3, Math.min(1, 22 / Math.sqrt(net.m))), bins = new Map();
    for (const line of this.lines) {
      const J = net.J[line.c], mine = this.selected < 0 || net.pair(line.c).includes(this.selected);
      const level = Math.ceil(levels * Math.min(1, Math.abs(J) / this.scale));
      const key = net.cut[line.c] ? "cut" : `${mine ? 1 : 0} ${level} ${J > 0 ? "plus" : "minus"}`;
      if (!bins.has(key)) bins.set(key, []);
      bins.get(key).push(line);
    }
    for (const key of [...bins.keys()].sort()) {
      const [mine, level, sign] = key.split(" "), t = level / levels;
      const lines = bins.get(key);
      g.beginPath();
      for (const line of lines) this.trail(g, line);
      const whole = this.selected < 0 ? thin : 1;
      g.setLineDash(key === "cut" ? [2, 4] : []);
      g.lineWidth = key === "cut" ? 1 : (0.35 + 3.4 * t) * (0.35 + 0.65 * whole);
      const alpha = mine === "0" ? 0.04 : (0.1 + 0.8 * t) * (0.35 + 0.65 * whole);
      g.strokeStyle = key === "cut" ? ink.soft : `rgba(${ink[sign]},${alpha.toFixed(3)})`;
      g.stroke();
    }
    return canvas;
  }

  outline(g, i, r) {
    const [x, y] = this.at[i], { inputs, firstOutput } = this.net;
    g.beginPath();
    if (i < inputs) g.roundRect(x - r, y - r, 2 * r, 2 * r, r * 0.25);
    else if (i >= firstOutput) {
      g.moveTo(x, y - 1.35 * r);
      for (const [a, b] of [[1.35, 0], [0, 1.35], [-1.35, 0]]) g.lineTo(x + a * r, y + b * r);
      g.closePath();
    } else g.arc(x, y, r, 0, TURN);
  }

  draw() {
    const { net, u, ink, r } = this, g = this.el.lattice.getContext("2d");
    const width = this.el.lattice.width, height = this.el.lattice.height;
    this.layer ??= this.couplings();
    g.save();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, width, height);
    g.drawImage(this.layer, 0, 0);
    g.restore();
    if (this.hover?.coupling !== undefined) {
      g.beginPath();
      this.trail(g, this.lines[this.hover.coupling]);
      g.lineWidth = 5;
      g.strokeStyle = `rgba(${ink[net.J[this.hover.coupling] > 0 ? "plus" : "minus"]},0.9)`;
      g.stroke();
    }
    const respond = this.shown !== "phase";
    if (respond) this.response ??= this.respond();
    const most = respond ? Math.max(...this.response.slice(net.inputs).map(Math.abs), 1e-12) : 1;
    for (let i = 0; i < net.n; i++) {
      const [px, py] = this.at[i], ends = i < net.inputs || i >= net.firstOutput, R = ends ? 1.15 * r : r;
      const phi = Math.atan2(u.y[i], u.x[i]);
      this.outline(g, i, R);
      if (respond) {
        // three decades below the largest; the affected region, above a tenth, has a rim
        const share = Math.min(1, Math.abs(this.response[i]) / most), t = Math.max(0, 1 + Math.log10(share + 1e-9) / 3);
        g.fillStyle = ink.empty;
        g.fill();
        const [L, a, b] = ink.full;
        g.fillStyle = `oklab(${L} ${a} ${b} / ${t.toFixed(3)})`;
        g.fill();
        g.lineWidth = share >= 0.1 ? 1.6 : 0.6;
        g.strokeStyle = share >= 0.1 ? ink.ink : ink.soft;
      } else {
        g.fillStyle = colourOf(phi);
        g.fill();
        g.lineWidth = ends ? 1.6 : 0.7;
        g.strokeStyle = ends ? ink.ink : this.dark ? "#0008" : "#0005";
      }
      if (i === this.selected || i === this.hover?.site) { g.lineWidth = 2.5; g.strokeStyle = ink.ink; }
      g.stroke();
      if (r > 3.5 && !respond) {
        const c = u.x[i], s = u.y[i];
        g.beginPath();
        g.moveTo(px, py);
        g.lineTo(px + 0.86 * R * c, py - 0.86 * R * s);
        g.lineCap = "round";
        g.lineWidth = Math.max(1.1, 0.14 * R);
        g.strokeStyle = "#16181d";
        g.stroke();
      }
      if (i >= net.firstOutput) this.drawTarget(g, i, phi, R);
    }
    if (this.pace === "site" && !this.rest && this.cursor) {
      this.outline(g, net.order[this.cursor - 1], r + 4);
      g.lineWidth = 2;
      g.strokeStyle = ink.ink;
      g.stroke();
    }
    this.listPatterns();
    this.plot(this.el.energy, this.history.map(({ s, e }) => [s, e]), {
      title: this.beta ? "energy E + βC (units of J)" : "energy E (units of J)", below: "sweeps",
      marks: this.history.filter((p) => p.why), span: 30 });
    this.plot(this.el.trace, this.trace.map(([x, D]) => [x, Math.log10(Math.max(D, 1e-6))]), {
      title: "mean mismatch D of the patterns", below: "updates", log: true, span: 20,
      empty: "press Learn" });
  }

  /** The target, a pointer outside an output, and the spring of the nudging. */
  drawTarget(g, i, phi, R) {
    const [x, y] = this.at[i], t = this.targets[i - this.net.firstOutput], far = 1.75 * R;
    const on = this.beta !== 0, d = wrap(phi - t);
    g.fillStyle = on ? this.ink.ink : this.ink.soft;
    g.beginPath();
    for (const [radius, turn] of [[far - 0.35 * R, 0], [far + 0.2 * R, 0.22], [far + 0.2 * R, -0.22]])
      g.lineTo(x + radius * Math.cos(t + turn), y - radius * Math.sin(t + turn));
    g.fill();
    if (!on) return;
    g.beginPath();
    g.arc(x, y, far - 0.1 * R, -t, -t - d, d > 0);
    g.setLineDash(this.beta < 0 ? [2, 3] : []);
    g.lineWidth = 1 + 2.5 * Math.abs(this.beta);
    g.strokeStyle = this.ink.ink;
    g.stroke();
    g.setLineDash([]);
  }

  /** A curve over two axes; [x, y] with x ascending. */
  plot(canvas, points, { title, below, marks = [], log = false, span, empty = "" }) {
    const { ink } = this, g = canvas.getContext("2d"), { w, h } = g;
    const x0 = 44, x1 = w - 8, y0 = h - 30, y1 = 26;
    g.clearRect(0, 0, w, h);
    g.font = "12px system-ui, sans-serif";
    g.fillStyle = ink.ink;
    g.textAlign = "left";
    g.fillText(title, 4, 13, w - 8);
    g.fillStyle = g.strokeStyle = ink.soft;
    g.lineWidth = 1;
    g.strokeRect(x0 + 0.5, y0 + 0.5, x1 - x0, 0);
    g.textAlign = "right";
    g.fillText(below, x1, h - 3);
    if (!points.length) {
      g.textAlign = "center";
      g.fillText(empty, (x0 + x1) / 2, (y0 + y1) / 2);
      return;
    }
    const from = points[0][0], to = Math.max(points.at(-1)[0], from + span);
    let lo = Infinity, hi = -Infinity;
    for (const [, y] of points) { lo = Math.min(lo, y); hi = Math.max(hi, y); }
    if (log) { lo = Math.min(-1, Math.floor(lo)); hi = Math.max(0, hi); }
    else [lo, hi] = [lo - 0.08 * (hi - lo) - 5e-4, hi + 5e-4];
    const X = (x) => x0 + ((x - from) / (to - from)) * (x1 - x0), Y = (y) => y0 - ((y - lo) / (hi - lo)) * (y0 - y1);
    const step = (range, n) => {
      const p = 10 ** Math.floor(Math.log10(range / n));
      return p * [1, 2, 5, 10].find((k) => range / (p * k) <= n);
    };
    const dy = log ? Math.max(1, Math.ceil((hi - lo) / 3)) : step(hi - lo, 3), dx = Math.max(1, step(to - from, 4));
    g.textAlign = "right";
    for (let y = Math.ceil(lo / dy - 1e-9) * dy; y <= hi + 1e-9; y += dy) {
      g.fillText(log ? String(+(10 ** y).toPrecision(1)) : number(y, Math.max(0, Math.min(4, -Math.floor(Math.log10(dy))))), x0 - 6, Y(y) + 4);
      g.strokeStyle = ink.faint;
      g.beginPath();
      g.moveTo(x0, Math.round(Y(y)) + 0.5);
      g.lineTo(x1, Math.round(Y(y)) + 0.5);
      g.stroke();
    }
    g.textAlign = "center";
    for (let x = Math.ceil(from / dx) * dx; X(x) < x1 - 12; x += dx) g.fillText(String(Math.round(x)), X(x), y0 + 14);
    for (const { s, why } of marks) {
      g.strokeStyle = ink.soft;
      g.setLineDash([2, 3]);
      g.beginPath();
      g.moveTo(X(s), y0);
      g.lineTo(X(s), y1);
      g.stroke();
      g.setLineDash([]);
      g.fillText(why, Math.min(Math.max(X(s), x0 + 16), x1 - 16), y1 - 2);
    }
    g.strokeStyle = ink.ink;
    g.lineWidth = 1.8;
    g.lineJoin = "round";
    g.beginPath();
    const every = Math.ceil(points.length / (2 * w));
    points.forEach(([x, y], k) => { if (k % every === 0 || k === points.length - 1) g.lineTo(X(x), Y(y)); });
    g.stroke();
    g.beginPath();
    g.arc(X(points.at(-1)[0]), Y(points.at(-1)[1]), 3, 0, TURN);
    g.fillStyle = ink.ink;
    g.fill();
  }

  // ---- controls

  dial(e, phi) {
    e.style.setProperty("--turn", `${-phi}rad`);
    e.style.setProperty("--fill", colourOf(phi));
  }

  /** What the network answers to each pattern; from random phases, but while it learns. */
  listPatterns() {
    const { net, d } = this, { inputs, targets } = d.patterns;
    if (this.answers && this.listed) return;
    this.listed = true;
    if (!this.answers) {
      const draws = random(7);
      this.answers = inputs.slice(0, CHUNK).map((x) => {
        const u = net.state(Array.from({ length: net.n }, (_, i) => x[i] ?? draws() * TURN));
        net.relax(u, null, { tol: 1e-4, most: 300 });
        return net.phases(u).slice(net.firstOutput);
      });
    }
    [...this.el.patterns.children].forEach((b, p) => {
      const answer = this.answers[p], dials = b.querySelectorAll("i"), shown = Math.min(net.inputs, 6);
      const right = net.answer(answer.map(Math.sin)) === net.answer(targets[p].map(Math.sin));
      dials.forEach((e, k) => this.dial(e, k < shown ? inputs[p][k] : answer[k - shown]));
      b.querySelector("em").textContent = right ? "✓" : "✗";
      b.dataset.right = right;
      const asked = inputs[p].every((v, i) => Math.abs(wrap(v - this.x[i])) < 1e-6);
      b.setAttribute("aria-pressed", asked);
      b.setAttribute("aria-label", `pattern ${inputs[p].map(angleOf)}: answers ${answer.map(angleOf)}, ${right ? "right" : "wrong"}`);
    });
  }

  controls() {
    const { el, d } = this, put = (e, value, text) => {
      const input = e.querySelector?.("input") ?? e, out = input.parentElement.querySelector("output");
      input.value = value;
      out.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    const live = this.updates ? ` + ${this.updates}` : "";
    put(el.shot, this.shot, `${d.epochs[this.shot]}${live}`);
    put(el.beta, this.beta, number(this.beta));
    this.x.slice(0, 4).forEach((v, i) => put(el[`input${i}`], v / Math.PI, angleOf(v)));
    this.targets.slice(0, 4).forEach((v, i) => put(el[`target${i}`], v / Math.PI, angleOf(v)));
    el.mend.disabled = !this.net.cut.some(Boolean);
  }

  nameOf(c) {
    const [i, j] = this.net.pair(c), { labels } = this.d;
    return `coupling ${labels[i]}–${labels[j]}, J = ${number(this.theta[this.net.parameter[c]])}`;
  }

  /** The line below the lattice, which screen readers hear. */
  say(text) {
    const { net, u } = this, D = net.cost(u, this.nudging)[1], away = net.residual(u, this.nudging);
    this.el.status.textContent = text ?? `E = ${number(net.energy(u), 3)} · D = ${number(D, 3)} · ` +
      `at rest, largest torque ${away.toExponential(0).replace("-", "−")}`;
    const answer = net.phases(u).slice(net.firstOutput).map(angleOf);
    this.el.lattice.setAttribute("aria-label", `${this.d.name}: inputs ${this.x.map(angleOf)}, outputs ${answer}. ` +
      "Arrow keys choose a site, plus and minus turn an input or target, C chooses a coupling, X cuts it.");
    this.el.energy.setAttribute("aria-label", `energy ${number(this.total(), 3)} after ${Math.round(this.time)} sweeps`);
    this.el.trace.setAttribute("aria-label", this.trace.length
      ? `mean mismatch ${number(this.trace.at(-1)[1], 3)} after ${this.updates} updates` : "nothing learned yet");
  }

  pick([x, y], reach) {
    let best = null, least = Math.max(1.35 * this.r, reach);
    this.at.forEach(([a, b], site) => {
      const far = Math.hypot(a - x, b - y);
      if (far < least) [best, least] = [{ site }, far];
    });
    if (best && (least < 1.2 * this.r || best.site < this.net.inputs || best.site >= this.net.firstOutput)) return best;
    best = null;
    least = reach;
    for (const { c, line, halves } of this.lines) {
      if (this.selected >= 0 && !this.net.pair(c).includes(this.selected)) continue;
      for (let k = 0; k <= 16; k++) {
        const t = k / 16, s = 1 - t;
        const spots = line ? [[0, 1].map((a) => s * s * line[a] + 2 * s * t * line[a + 2] + t * t * line[a + 4])]
          : halves.map(([a, b, p, q]) => [s * a + t * p, s * b + t * q]);
        for (const [a, b] of spots) {
          const far = Math.hypot(a - x, b - y);
          if (far < least) [best, least] = [{ coupling: c }, far];
        }
      }
    }
    return best;
  }

  listen(id) {
    const { el, host } = this, canvas = el.lattice;
    const on = (name, event, act) => el[name].addEventListener(event, act);
    const spot = (e) => { const b = canvas.getBoundingClientRect(); return [e.clientX - b.left, e.clientY - b.top]; };
    const turns = (site) => site !== undefined && (site < this.net.inputs || site >= this.net.firstOutput);
    on("network", "change", () => this.open(el.network.selectedIndex));
    on("update", "click", () => { this.learn(false); this.study(Infinity, 1); });
    on("learn", "click", () => this.learn(!this.learning));
    on("rule", "change", () => this.moments.forEach((m) => m.fill(0)));
    on("shake", "click", () => {
      this.u = this.net.state(Array.from({ length: this.net.n }, () => this.draws() * TURN));
      this.history = [];
      this.cursor = this.sweeps = 0;
      this.disturb("random");
    });
    on("mend", "click", () => { this.net.cut.fill(0); this.changedParameters("cuts undone"); });
    host.addEventListener("input", ({ target: { dataset: { x: name }, name: group, value } }) => {
      if (name === "shot") this.load(+value);
      else if (name === "beta") { this.beta = +value; this.disturb("nudge"); }
      else if (name?.startsWith("input")) this.turn(+name.slice(5), +value * Math.PI);
      else if (name?.startsWith("target")) this.turn(this.net.firstOutput + +name.slice(6), +value * Math.PI);
      else if (group === `pace-${id}`) { this.pace = value; this.due = 0; this.wake(); }
      else if (group === `shown-${id}`) { this.shown = value; this.response = null; this.wake(); }
    });
    host.querySelector(`[name=pace-${id}][value=${this.pace}]`).checked = true;
    host.querySelector(`[name=shown-${id}][value=phase]`).checked = true;
    canvas.addEventListener("pointerdown", (e) => {
      const found = this.pick(spot(e), e.pointerType === "touch" ? 16 : 8);
      this.drag = { found, turned: false };
      if (turns(found?.site)) canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      const [x, y] = spot(e), site = this.drag?.found?.site;
      if (turns(site)) {
        const [a, b] = this.at[site];
        if (Math.hypot(x - a, y - b) < 0.4 * this.r) return;
        this.drag.turned = true;
        this.turn(site, Math.atan2(b - y, x - a));
      } else if (!this.drag) {
        const before = JSON.stringify(this.hover);
        this.hover = this.pick([x, y], 8);
        canvas.style.cursor = turns(this.hover?.site) ? "grab" : this.hover ? "pointer" : "";
        if (JSON.stringify(this.hover) === before) return;
        if (this.hover?.coupling !== undefined) this.say(`${this.nameOf(this.hover.coupling)}; click to cut`);
        this.wake();
      }
    });
    canvas.addEventListener("pointerup", () => {
      const found = this.drag?.found;
      if (found?.coupling !== undefined) this.cutOrMend(found.coupling);
      else if (!this.drag?.turned) this.choose(found && found.site !== this.selected ? found.site : -1);
      this.drag = null;
    });
    for (const end of ["pointercancel", "pointerleave"]) canvas.addEventListener(end, () => {
      this.drag = this.hover = null;
      this.wake();
    });
    // a finger that turns a site does not scroll the page
    canvas.addEventListener("touchstart", (e) => { if (turns(this.pick(spot(e.touches[0]), 16)?.site)) e.preventDefault(); }, { passive: false });
    canvas.addEventListener("keydown", (e) => { if (this.key(e.key)) e.preventDefault(); });
    new ResizeObserver(() => requestAnimationFrame(() => { this.resize(); this.wake(); })).observe(host);
    new IntersectionObserver(([e]) => { this.seen = e.isIntersecting; this.wake(); }).observe(host);
    const recolour = () => { this.theme(); this.wake(); };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
    const look = new MutationObserver(recolour);
    for (const e of [document.documentElement, document.body]) look.observe(e, { attributes: true });
  }

  resize() {
    const wide = this.el.lattice.clientWidth;
    if (!wide || wide === this.wide) return;
    this.wide = wide;
    this.layout();
    for (const canvas of [this.el.energy, this.el.trace]) this.size(canvas, canvas.clientWidth, 150);
  }

  choose(site) {
    this.selected = site;
    this.layer = null;
    if (site >= 0) {
      const [h, phi] = [this.theta[this.net.nJ + site], Math.atan2(this.u.y[site], this.u.x[site])];
      this.say(`site ${this.d.labels[site]}: φ = ${angleOf(phi)}, h = ${number(h)}; its couplings alone are shown`);
    } else this.say();
    this.wake();
  }

  key(key) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const { net, selected } = this, mine = [...net.ends.keys()].filter((e) => net.ends[e] === selected).map((e) => e >> 1);
    const turn = { "+": 1, "=": 1, "-": -1 }[key];
    if (way) {
      const [x, y] = this.at[Math.max(selected, 0)];
      let best = 0, least = Infinity;
      this.at.forEach(([a, b], i) => {
        const along = (a - x) * way[0] + (b - y) * way[1], aside = Math.abs((a - x) * way[1] + (b - y) * way[0]);
        if (along > 1 && along + 3 * aside < least) [best, least] = [i, along + 3 * aside];
      });
      this.hover = null;
      if (least < Infinity || selected < 0) this.choose(best);
    } else if (key === "Escape") this.choose(-1);
    else if (turn && selected >= 0 && (selected < net.inputs || selected >= net.firstOutput)) {
      const now = selected < net.inputs ? this.x[selected] : this.targets[selected - net.firstOutput];
      this.turn(selected, now + (turn * Math.PI) / 12);
    } else if (key === "c" && mine.length) {
      const coupling = mine[(mine.indexOf(this.hover?.coupling) + 1) % mine.length];
      this.hover = { coupling };
      this.say(this.nameOf(coupling));
      this.wake();
    } else if (key === "x" && this.hover?.coupling !== undefined) this.cutOrMend(this.hover.coupling);
    else return false;
    return true;
  }
}

/** Fill an element with the picture of `data`; `changed` is called when the phases are at rest. */
export function mount(host, data, changed = () => {}) {
  return (host.lattice = new Lattice(host, data, changed));
}

async function fill(host) {
  const name = host.dataset.xyepLattice, own = host.querySelector("script[type='application/json']");
  if (host.lattice || (!name && !own)) return;
  mount(host, name ? await (await fetch(name)).json() : JSON.parse(own.textContent));
}
if (typeof document !== "undefined") document.querySelectorAll("[data-xyep-lattice]").forEach(fill);

export default {
  render({ model, el }) {
    const host = el.appendChild(document.createElement("div"));
    mount(host, JSON.parse(model.get("data")), (report) => {
      model.set("report", report);
      model.save_changes();
    });
  },
};
