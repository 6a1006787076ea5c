// An XY network: the sweep of xyep/kernels/reference.py in the same order of visits, the energy, and
// the gradient by equilibrium propagation.
//
// Site i is a unit vector u_i = (cos φ_i, sin φ_i). With J_ij = J_ji, a bias h_i along ψ_i, and t_o
// the target of output o,
//
//   E = − Σ_(ij) J_ij u_i·u_j − Σ_i h_i cos(φ_i − ψ_i)                      each edge once
//   C = − Σ_o log(1 + κ u_o·t_o) / κ
//   F_i = Σ_j J_ij u_j + h_i (cos ψ_i, sin ψ_i)  [+ β t_o / (1 + κ u_o·t_o) on a nudged output]
//
// A sweep visits the free sites in turn. As the angle to F_i goes to zero each visit is
//   u_i ← normalise((1 + μ) F̂_i − μ u_i),
// and in general normalise(F_i − (k (F_i·u_i)₊ − (1 − k) σ) u_i), k = μ/(1 + μ), where −σ is the
// slope of the nudging's own field. The energy E + βC never rises; no sine or cosine is needed.

const POLE = 1e-6;
export const TURN = 2 * Math.PI;

/** Numbers from base64 of little-endian float32 or float64. */
export function unpack({ f4, f8 }) {
  const bytes = Uint8Array.from(atob(f4 ?? f8), (c) => c.charCodeAt(0));
  return Float64Array.from(new (f4 === undefined ? Float64Array : Float32Array)(bytes.buffer));
}

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let z = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}

export class XY {
  constructor(d) {
    this.n = d.sites;
    this.inputs = d.inputs;
    this.outputs = d.outputs;
    this.firstOutput = d.sites - d.outputs;
    this.order = Int32Array.from(d.order); // free sites as they are visited, outputs last
    this.mu = d.over_relaxation;
    this.kappa = d.sharpness;
    this.ends = Int32Array.from(d.edges); // i, j of each coupling
    this.m = d.edges.length / 2;
    this.parameter = Int32Array.from(d.parameter); // which J each coupling uses
    this.nJ = this.m ? Math.max(...d.parameter) + 1 : 0;
    this.cut = new Uint8Array(this.m);
    // neighbours of site i: entries first[i] … first[i + 1] − 1
    this.first = new Int32Array(this.n + 1);
    for (const i of this.ends) this.first[i + 1]++;
    for (let i = 0; i < this.n; i++) this.first[i + 1] += this.first[i];
    const next = this.first.slice();
    this.other = new Int32Array(2 * this.m);
    this.coupling = new Int32Array(2 * this.m);
    for (let c = 0; c < this.m; c++) {
      const [i, j] = this.pair(c);
      this.other[next[i]] = j;
      this.coupling[next[i]++] = c;
      this.other[next[j]] = i;
      this.coupling[next[j]++] = c;
    }
    this.J = new Float64Array(this.m);
    this.entry = new Float64Array(2 * this.m); // J of each entry
    this.bx = new Float64Array(this.n);
    this.by = new Float64Array(this.n);
  }

  pair(c) {
    return [this.ends[2 * c], this.ends[2 * c + 1]];
  }

  /** Parameters θ = (J, h, ψ), as xyep.Parameters.flatten; a coupling that is cut counts 0. */
  set(theta) {
    const { n, nJ } = this;
    this.theta = theta;
    for (let c = 0; c < this.m; c++) this.J[c] = this.cut[c] ? 0 : theta[this.parameter[c]];
    for (let e = 0; e < 2 * this.m; e++) this.entry[e] = this.J[this.coupling[e]];
    for (let i = 0; i < n; i++) {
      this.bx[i] = theta[nJ + i] * Math.cos(theta[nJ + n + i]);
      this.by[i] = theta[nJ + i] * Math.sin(theta[nJ + n + i]);
    }
  }

  state(phases) {
    return { x: Float64Array.from(phases, Math.cos), y: Float64Array.from(phases, Math.sin) };
  }

  phases(u) {
    return Array.from(u.x, (x, i) => Math.atan2(u.y[i], x));
  }

  /** Visits number `from` to `to` of a sweep, in place; the largest torque met on the way. */
  visit(u, nudge, from = 0, to = this.order.length, moving = true, mu = this.mu) {
    const { x, y } = u, { first, other, entry, kappa } = this, k = mu / (1 + mu);
    let worst = 0;
    for (let v = from; v < to; v++) {
      const i = this.order[v], o = i - this.firstOutput;
      let fx = this.bx[i], fy = this.by[i], sigma = 0;
      for (let e = first[i]; e < first[i + 1]; e++) {
        fx += entry[e] * x[other[e]];
        fy += entry[e] * y[other[e]];
      }
      if (o >= 0 && nudge && nudge.beta) {
        const cosine = x[i] * nudge.x[o] + y[i] * nudge.y[o];
        const below = Math.max(1 + kappa * cosine, POLE);
        const slope = kappa * (1 - cosine) * (Math.max(1 + cosine, POLE) / below);
        fx += (nudge.beta / below) * nudge.x[o];
        fy += (nudge.beta / below) * nudge.y[o];
        sigma = Math.max((nudge.beta / below) * slope, 0);
      }
      const torque = x[i] * fy - y[i] * fx;
      worst = Math.max(worst, Math.abs(torque));
      if (moving) {
        const along = k * Math.max(x[i] * fx + y[i] * fy, 0) - (1 - k) * sigma - 1e-10;
        const vx = fx - along * x[i], vy = fy - along * y[i], size = Math.hypot(vx, vy);
        x[i] = vx / size;
        y[i] = vy / size;
      }
    }
    return worst;
  }

  residual(u, nudge) {
    return this.visit(u, nudge, 0, this.order.length, false);
  }

  /** Sweep until the residual is at most `tol`, or exactly `sweeps` times; how often that was. */
  relax(u, nudge = null, { tol = 1e-9, sweeps = 0, mu = this.mu, most = 20000 } = {}) {
    for (let s = 1; s <= (sweeps || most); s++) {
      const worst = this.visit(u, nudge, 0, this.order.length, true, mu);
      if (!sweeps && worst <= tol && this.residual(u, nudge) <= tol) return s;
    }
    return sweeps || most;
  }

  energy({ x, y }) {
    let E = 0;
    for (let c = 0; c < this.m; c++) {
      const i = this.ends[2 * c], j = this.ends[2 * c + 1];
      E -= this.J[c] * (x[i] * x[j] + y[i] * y[j]);
    }
    for (let i = 0; i < this.n; i++) E -= this.bx[i] * x[i] + this.by[i] * y[i];
    return E;
  }

  nudge(beta, targets) {
    return { beta, x: targets.map(Math.cos), y: targets.map(Math.sin) };
  }

  /** C, and D = ½ Σ_o (1 − cos(φ_o − t_o)), the mismatch that is reported. */
  cost({ x, y }, { x: tx, y: ty }) {
    let C = 0, D = 0;
    for (let o = 0; o < this.outputs; o++) {
      const i = this.firstOutput + o, cosine = x[i] * tx[o] + y[i] * ty[o];
      C -= this.kappa ? Math.log1p(Math.max(this.kappa * cosine, POLE - 1)) / this.kappa : cosine;
      D += 0.5 * (1 - cosine);
    }
    return [C, D];
  }

  /** argmax_o sin φ_o; of one output, whether sin φ > 0. */
  answer(sines) {
    return sines.length > 1 ? sines.indexOf(Math.max(...sines)) : +(sines[0] > 0);
  }

  /** Add weight × (∂E/∂θ at +β − ∂E/∂θ at −β)/(2β) of one sample to `g`; the free state is left
      in `u`. Free phase from `u`, both nudged phases from the free one. */
  contrast(g, weight, u, beta, targets, free, nudged) {
    this.relax(u, null, free);
    for (const sign of [1, -1]) {
      const v = { x: u.x.slice(), y: u.y.slice() }, w = (sign * weight) / (2 * beta);
      this.relax(v, this.nudge(sign * beta, targets), nudged);
      this.addGradient(g, w, v);
    }
  }

  /** ∂E/∂J = −cos(φ_i − φ_j), ∂E/∂h = −cos(φ_i − ψ_i), ∂E/∂ψ = −h_i sin(φ_i − ψ_i), times w. */
  addGradient(g, w, { x, y }) {
    const { n, nJ, theta } = this;
    for (let c = 0; c < this.m; c++) {
      if (this.cut[c]) continue;
      const i = this.ends[2 * c], j = this.ends[2 * c + 1];
      g[this.parameter[c]] -= w * (x[i] * x[j] + y[i] * y[j]);
    }
    for (let i = this.inputs; i < n; i++) {
      const c = Math.cos(theta[nJ + n + i]), s = Math.sin(theta[nJ + n + i]);
      g[nJ + i] -= w * (x[i] * c + y[i] * s);
      g[nJ + n + i] -= w * theta[nJ + i] * (y[i] * c - x[i] * s);
    }
  }
}

/** θ after one update; `moments` are Adam's m and v, changed in place. */
export const RULES = {
  adam: (theta, g, moments, step, rate = 0.02) => {
    const [m, v] = moments, b = 1 - 0.9 ** step, d = 1 - 0.999 ** step;
    return theta.map((value, n) => {
      m[n] += 0.1 * (g[n] - m[n]);
      v[n] += 0.001 * (g[n] * g[n] - v[n]);
      return value - (rate * m[n]) / b / (Math.sqrt(v[n] / d) + 1e-8);
    });
  },
  plain: (theta, g, moments, step, rate = 0.1) => theta.map((value, n) => value - rate * g[n]),
};
