// The live half of an Explorer. Python has computed every value; this slices the table and draws it.
(() => {
  const NAME = "__NAME__", CSS = "__CSS__";
  if (customElements.get(NAME)) return; // a page carries this script once per explorer

  const make = (tag, attributes, parent, text) => {
    const svg = /^(svg|g|path|text|line|rect)$/.test(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return parent ? parent.appendChild(node) : node;
  };
  const minus = (text) => text.replace("-", "\u2212");
  const raised = (k) => "10" + [...String(k)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
  const power = (k) => (k === 0 ? "1" : k === 1 ? "10" : raised(k));

  async function unpack(text) { // two byte planes of 16-bit differences along x, gzipped
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer()), n = bytes.length / 2;
    return Uint16Array.from({ length: n }, (_, i) => bytes[i] << 8 | bytes[n + i]);
  }
  function nice(lo, hi, most) { // round ticks, at most so many
    const raw = (hi - lo) / most, unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= raw * 0.999);
    const ticks = [];
    for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9; i++) ticks.push(i * step);
    return ticks.map((t) => [t, minus(String(Number(t.toPrecision(6))))]);
  }
  function ticksOf(axis, lo, hi, most) { // lo and hi in log10 on a log axis
    if (!axis.log) return nice(lo, hi, most);
    const step = [1, 2, 5, 10, 20, 50, 100, 200].find((s) => (hi - lo) / s <= most) ?? 500, ticks = [];
    for (let k = Math.ceil(lo / step - 1e-9) * step; k <= hi + 1e-9; k += step) ticks.push([k, power(k)]);
    if (ticks.length > 1) return ticks;
    return nice(10 ** lo, 10 ** hi, most).filter(([t]) => t > 0).map(([t, text]) => [Math.log10(t), text]);
  }
  function spread(labels, gap, bottom) { // push labels apart: downwards first, then back up from the floor
    labels.sort((a, b) => a.y - b.y);
    labels.forEach((l, i) => { if (i) l.y = Math.max(l.y, labels[i - 1].y + gap); });
    labels.reduceRight((below, l) => (l.y = Math.min(l.y, below)) - gap, bottom);
  }

  customElements.define(NAME, class extends HTMLElement {
    async connectedCallback() { // everything comes in attributes, so no child need have been parsed yet
      if (this.spec) return;
      this.spec = JSON.parse(this.dataset.spec);
      let start = 0;
      const codes = await unpack(this.dataset.table), n = this.spec.x.values.length;
      for (const c of this.spec.curves) {
        const size = c.shape.reduce((a, b) => a * b, 1);
        c.codes = codes.slice(start, start += size);
        for (let i = 1; i < size; i++) if (i % n) c.codes[i] += c.codes[i - 1];
      }
      this.build();
      new ResizeObserver(() => this.frame()).observe(this.stage);
      this.dataset.live = "";
    }

    pick(shape) { // offset of the current slice in a table of that shape (1 where a slider does not matter)
      return this.inputs.reduce((at, input, i) => at * shape[i] + (shape[i] > 1 ? Number(input.value) : 0), 0);
    }
    slice(c) { // plotted coordinates along x: log10 on a log axis; NaN is a gap, -Infinity an exact zero
      const n = this.spec.x.values.length, at = this.pick(c.shape) * n, special = [NaN, -Infinity, Infinity];
      return Array.from({ length: n }, (_, i) => special[c.codes[at + i]] ?? c.lo + (c.codes[at + i] - 3) * c.step);
    }
    values() { // what is drawn now, curve by curve; for tests, and for the curious at the console
      const real = (v) => (this.spec.y.log ? 10 ** v : v);
      return Object.fromEntries(this.spec.curves.map((c) => [c.name, this.slice(c).map(real)]));
    }
    number(v, c) { // twin of _number in Python
      if (Number.isNaN(v)) return "–";
      if (Math.abs(v) === Infinity) return v > 0 ? "∞" : this.spec.y.log ? "0" : "\u2212∞";
      if (!this.spec.y.log) return minus(String(Number((v * (1 + 1e-12)).toFixed(c.digits))));
      let e = Math.floor(v + 1e-12), m = Number((10 ** (v - e) * (1 + 1e-12)).toFixed(c.digits - 1));
      if (m >= 10) [m, e] = [1, e + 1];
      if (e >= -3 && e < 5) return String(Number(`${m}e${e}`));
      return m === 1 ? raised(e) : `${m} × ${raised(e)}`;
    }

    build() {
      const { spec } = this, root = this.attachShadow({ mode: "open" });
      make("style", {}, root, CSS);
      const card = make("div", { class: "card", role: "group", "aria-labelledby": "title" }, root);
      make("div", { id: "title", class: "title" }, card, spec.title);
      const panel = make("div", { class: "controls" }, card);
      this.inputs = spec.sliders.map((s, i) => {
        const box = make("div", { class: "control" }, panel);
        make("label", { for: `s${i}` }, box, s.label);
        if (!s.choice) make("output", { for: `s${i}` }, box);
        const range = { type: "range", min: 0, max: s.texts.length - 1, step: 1, value: s.start };
        const input = make(s.choice ? "select" : "input", { id: `s${i}`, ...(s.choice ? {} : range) }, box);
        if (s.choice) s.texts.forEach((text, j) => make("option", { value: j }, input, text));
        input.value = s.start;
        input.addEventListener("input", () => this.draw());
        return input;
      });
      this.key = make("ul", { class: "key" }, card);
      for (const [i, c] of spec.curves.entries()) {
        const item = make("li", {}, this.key), swatch = make("svg", { viewBox: "0 0 30 10", "aria-hidden": "true" }, item);
        make("path", { d: spec.bars ? "M0 0H30V10H0Z" : "M0 5H30", class: `${spec.bars ? "bar" : "line"} c${i}` }, swatch);
        item.append(c.name);
      }
      this.stage = make("div", { class: "stage" }, card);
      this.caption = make("p", { class: "caption", "aria-live": "polite", "aria-atomic": "true" }, card);
    }

    frame() { // what the sliders do not move: axes, grid, references, and the empty curves
      const { x, y, curves, bars, alt, references } = this.spec, width = this.stage.clientWidth;
      if (!width) return;
      const height = Math.round(Math.min(Math.max(width * 0.55, 270), 400)), estimate = (text) => text.length * 7.2;
      const room = Math.max(...curves.map((c) => estimate(c.name))), alone = curves.length === 1;
      this.direct = !bars && width >= 520 && room < width * 0.3 && !(alone && curves[0].name === y.label);
      this.key.hidden = this.direct || alone;
      const yTicks = ticksOf(y, y.lo, y.hi, (height - 80) / 38);
      const left = 14 + Math.max(...yTicks.map(([, text]) => estimate(text))), top = 34;
      const right = width - (this.direct ? room + 14 : 14), bottom = height - 46;
      const xTicks = ticksOf(x, x.lo, x.hi, (right - left) / 70);
      this.X = (v) => left + (v - x.lo) / (x.hi - x.lo) * (right - left);
      this.Y = (v) => Math.max(top - 1e4, Math.min(bottom + 1e4, bottom - (v - y.lo) / (y.hi - y.lo) * (bottom - top)));
      this.box = { left, right, top, bottom };

      const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": alt });
      const line = (x1, y1, x2, y2, kind) => make("line", { x1, y1, x2, y2, class: kind }, svg);
      const write = (at, to, text, kind) => make("text", { x: at, y: to, class: kind }, svg, text);
      for (const [v, text] of yTicks) {
        line(left, this.Y(v), right, this.Y(v), "grid");
        write(left - 8, this.Y(v) + 4, text, "tick end");
      }
      for (const [v, text] of xTicks) {
        line(this.X(v), bottom, this.X(v), bottom + 5, "axis");
        write(this.X(v), bottom + 20, text, "tick middle");
      }
      line(left, bottom, right, bottom, "axis");
      write(2, 16, y.label, "axis-label");
      write((left + right) / 2, height - 6, x.label, "axis-label middle");
      for (const r of references) {
        line(left, this.Y(r.at), right, this.Y(r.at), "reference");
        write(left + 8, this.Y(r.at) - 6, r.label, "tick halo");
      }
      const window = [left, top - 3, right - left + 4, bottom - top + 6]; // lines that leave it are cut
      const inner = make("svg", { x: window[0], y: window[1], width: window[2], height: window[3] }, svg);
      inner.setAttribute("viewBox", window.join(" "));
      this.marks = this.spec.marks.map((m) => [m, line(0, top, 0, bottom, "reference"), write(0, top + 4, m.label, "tick halo")]);
      this.parts = curves.map((c, i) => ({
        path: make("path", { class: `${bars ? "bar" : "line"} c${i}` }, inner),
        edge: make("path", { class: `edge c${i}` }, svg),
        zero: write(0, bottom - 8, "0", `edge-name c${i}`),
        top: write(0, top + 16, "∞", `edge-name c${i}`),
        name: write(0, 0, this.direct ? c.name : "", `name halo c${i}`),
      }));
      this.stage.replaceChildren(svg);
      this.draw();
    }

    draw() {
      const { spec, inputs, X, Y, box } = this;
      inputs.forEach((input, i) => {
        const text = spec.sliders[i].texts[input.value];
        if (!spec.sliders[i].choice) input.setAttribute("aria-valuetext", input.previousElementSibling.value = text);
      });
      const now = spec.curves.map((c) => this.slice(c)), labels = [];
      if (X) now.forEach((values, i) => {
        const { path, edge, zero, top, name } = this.parts[i], xs = spec.x.values;
        const at = (j) => [X(xs[j]), values[j] === -Infinity ? box.bottom : values[j] === Infinity ? box.top : Y(values[j])];
        const ring = (j, r) => { const [px, py] = at(j); return `M${px - r} ${py}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`; };
        let d = "", pen = false;
        values.forEach((v, j) => {
          const [px, py] = at(j), half = 0.43 * (X(xs[1]) - X(xs[0]));
          if (spec.bars) d += v > -Infinity ? `M${px - half} ${box.bottom}V${py}H${px + half}V${box.bottom}Z` : "";
          else if (!Number.isNaN(v)) d += `${pen ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
          pen = !Number.isNaN(v);
        });
        path.setAttribute("d", d);
        const last = values.findLastIndex((v) => !Number.isNaN(v)), ends = [values.indexOf(-Infinity), values.indexOf(Infinity)];
        edge.setAttribute("d", spec.bars ? "" : ends.filter((j) => j >= 0).map((j) => ring(j, 4.5)).join(""));
        [zero, top].forEach((text, e) => {
          text.setAttribute("visibility", spec.bars || ends[e] < 0 ? "hidden" : "visible");
          if (ends[e] >= 0) text.setAttribute("x", at(ends[e])[0] + 7);
        });
        name.setAttribute("visibility", last < 0 ? "hidden" : "visible");
        if (last >= 0) labels.push({ name, x: at(last)[0] + 9, y: Math.max(box.top, Math.min(box.bottom, at(last)[1])) });
      });
      spread(labels, 17, box?.bottom);
      for (const l of labels) { l.name.setAttribute("x", l.x); l.name.setAttribute("y", l.y + 4.5); }
      for (const [m, line, text] of X ? this.marks : []) {
        const value = m.at[this.pick(m.shape)], flip = value !== null && X(value) > (box.left + box.right) / 2;
        for (const node of [line, text]) node.setAttribute("visibility", value === null ? "hidden" : "visible");
        if (value === null) continue;
        line.setAttribute("x1", X(value)); line.setAttribute("x2", X(value));
        text.setAttribute("x", X(value) + (flip ? -6 : 6)); text.classList.toggle("end", flip);
      }
      this.caption.replaceChildren(...spec.caption.map((part) => {
        if (typeof part === "string") return part;
        if ("slider" in part) return make("b", {}, null, spec.sliders[part.slider].texts[inputs[part.slider].value]);
        if ("fact" in part) return make("b", {}, null, part.fact[this.pick(part.shape)]);
        const seen = now[part.curve].filter((v) => !Number.isNaN(v)), { stat } = part;
        const v = stat === "first" ? seen[0] : stat === "last" ? seen.at(-1) : seen.length ? Math[stat](...seen) : NaN;
        return make("b", {}, null, this.number(v ?? NaN, spec.curves[part.curve]));
      }));
    }
  });
})();
