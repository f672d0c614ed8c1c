// The live half of an Explorer. Python has computed every number and word; this slices the tables and draws.
(() => {
  const NAME = "__NAME__", CSS = "__CSS__";
  if (customElements.get(NAME)) return; // a page carries this script once per explorer

  const SVG = new Set(["svg", "path", "text", "line"]);
  function make(tag, attributes, parent, text) {
    const node = document.createElementNS(`http://www.w3.org/${SVG.has(tag) ? "2000/svg" : "1999/xhtml"}`, tag);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    return parent ? parent.appendChild(node) : node;
  }
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  function power(k) {
    const digits = [...String(k)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
    return k === 0 ? "1" : k === 1 ? "10" : "10" + digits.join("");
  }
  function ticks({ log, lo, hi }, most) { // [place, text]; lo, hi and places are log10 on a log axis
    if (log && hi - lo < 1.5) {
      return ticks({ lo: 10 ** lo, hi: 10 ** hi }, most).filter(([v]) => v > 0).map(([v, t]) => [Math.log10(v), t]);
    }
    const raw = (hi - lo) / most, unit = log ? 1 : 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10, 20, 50, 100, 200].map((m) => m * unit).find((s) => s >= raw) ?? 500, found = [];
    for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9; i++) {
      found.push([i * step, log ? power(i * step) : String(+(i * step).toPrecision(6)).replace("-", "−")]);
    }
    return found;
  }

  customElements.define(NAME, class extends HTMLElement {
    async connectedCallback() { // all data come in attributes, so no child need have been parsed yet
      if (this.spec) return;
      const { size, ...spec } = this.spec = JSON.parse(this.dataset.spec), bytes = await unpack(this.dataset.table);
      let at = 0;
      for (const curve of spec.curves) { // two byte planes of 16-bit differences along x
        const n = spec.x.values.length, codes = curve.codes = new Uint16Array(curve.shape.reduce((a, b) => a * b, n));
        for (let i = 0; i < codes.length; i++, at++) {
          codes[i] = (bytes[at] << 8 | bytes[size + at]) + (i % n ? codes[i - 1] : 0);
        }
      }
      this.words = JSON.parse(new TextDecoder().decode(bytes.subarray(2 * size)));
      this.build();
      new ResizeObserver(() => this.frame()).observe(this.stage);
      this.dataset.live = "";
    }

    row(shape) { // which row of a table of that shape (1 where a slider does not matter) is the present one
      return this.inputs.reduce((row, input, i) => row * shape[i] + (shape[i] > 1 ? +input.value : 0), 0);
    }
    slice({ codes, shape, lo, step }) { // along x: NaN is a gap; on a log axis log10, where -Infinity is exactly 0
      const n = this.spec.x.values.length, from = this.row(shape) * n;
      return Array.from(codes.subarray(from, from + n), (c) => [NaN, -Infinity, Infinity][c] ?? lo + (c - 3) * step);
    }
    values() { // what is drawn at present, for tests and for the curious at the console
      const real = (v) => (this.spec.y.log ? 10 ** v : v);
      return Object.fromEntries(this.spec.curves.map((curve) => [curve.name, this.slice(curve).map(real)]));
    }

    build() { // what neither sliders nor width change
      const { title, sliders, curves, bars } = this.spec, root = this.attachShadow({ mode: "open" });
      make("style", {}, root, CSS);
      const card = make("div", { class: "card", role: "group", "aria-labelledby": "title" }, root);
      make("div", { id: "title" }, card, title);
      const panel = make("div", { class: "controls" }, card);
      this.inputs = sliders.map(({ label, texts, start, choice }, i) => {
        const box = make("div", { class: "control" }, panel), id = `slider-${i}`;
        make("label", { for: id }, box, label);
        if (!choice) make("span", { "aria-hidden": "true" }, box); // a reader hears aria-valuetext instead
        const range = { id, type: "range", min: 0, max: texts.length - 1 };
        const input = choice ? make("select", { id }, box) : make("input", range, box);
        if (choice) texts.forEach((text, value) => make("option", { value }, input, text));
        input.value = start;
        input.addEventListener("input", () => this.draw());
        return input;
      });
      this.key = make("ul", { class: "key" }, card);
      curves.forEach(({ name }, i) => {
        const item = make("li", {}, this.key), swatch = make("svg", { viewBox: "0 0 30 10", "aria-hidden": "true" }, item);
        make("path", { d: bars ? "M1 1H29V9H1Z" : "M0 5H30", class: `${bars ? "bar" : "line"} c${i}` }, swatch);
        item.append(name);
      });
      this.stage = make("div", { class: "stage" }, card);
      this.caption = make("p", { "aria-live": "polite", "aria-atomic": "true" }, card);
    }

    frame() { // what the sliders do not move: axes, grid, references; and empty curves
      const { x, y, curves, bars, alt, references, marks } = this.spec, width = this.stage.clientWidth;
      if (!width) return;
      const length = (text) => text.length * 7.3, longest = Math.max(...curves.map(({ name }) => length(name)));
      const alone = curves.length === 1, height = Math.round(Math.min(Math.max(width * 0.55, 270), 400));
      const direct = !bars && width >= 520 && longest < width * 0.3 && !(alone && curves[0].name === y.label);
      this.key.hidden = direct || alone;
      const top = 34, bottom = height - 46, right = width - (direct ? longest + 14 : 14);
      const rungs = ticks(y, (bottom - top) / 34), left = 14 + Math.max(...rungs.map(([, text]) => length(text)));
      const X = (v) => left + (v - x.lo) / (x.hi - x.lo) * (right - left);
      const Y = (v) => Math.max(-1e4, Math.min(1e4, bottom - (v - y.lo) / (y.hi - y.lo) * (bottom - top)));

      const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": alt });
      const line = (x1, y1, x2, y2, kind) => make("line", { x1, y1, x2, y2, class: kind }, svg);
      const write = (at, to, kind, text) => make("text", { x: at, y: to, class: kind }, svg, text);
      for (const [v, text] of rungs) {
        line(left, Y(v), right, Y(v), "grid");
        write(left - 8, Y(v) + 4, "tick end", text);
      }
      for (const [v, text] of ticks(x, (right - left) / 52)) {
        line(X(v), bottom, X(v), bottom + 5, "axis");
        write(X(v), bottom + 20, "tick middle", text);
      }
      line(left, bottom, right, bottom, "axis");
      write(2, 16, "", y.label);
      write((left + right) / 2, height - 6, "middle", x.label);
      this.marks = marks.map((mark) => {
        return { ...mark, line: line(0, top, 0, bottom, "reference"), text: write(0, top + 15, "tick halo", mark.label) };
      });
      for (const { label, at } of references) {
        line(left, Y(at), right, Y(at), "reference");
        write(left + 8, Y(at) - 6, "tick halo", label);
      }
      const area = [left, top - 3, right - left + 4, bottom - top + 6], [ax, ay, aw, ah] = area; // cuts what leaves it
      const inner = make("svg", { viewBox: area.join(" "), x: ax, y: ay, width: aw, height: ah }, svg);
      this.parts = curves.map(({ name }, i) => ({
        path: make("path", { class: `${bars ? "bar" : "line"} c${i}` }, inner),
        rings: make("path", { class: `ring c${i}` }, svg),
        ends: [write(0, bottom - 8, `name c${i}`), write(0, top + 16, `name c${i}`)],
        name: write(0, 0, `name halo c${i}`, direct ? name : ""),
      }));
      this.plane = { X, Y, left, right, top, bottom };
      this.stage.replaceChildren(svg);
      this.draw();
    }

    draw() { // what a slider moves
      const { X, Y, left, right, top, bottom } = this.plane, { x, sliders, curves, bars, caption } = this.spec;
      this.inputs.forEach((input, i) => {
        if (sliders[i].choice) return;
        input.setAttribute("aria-valuetext", input.previousElementSibling.textContent = sliders[i].texts[input.value]);
        input.style.setProperty("--done", input.value / (input.max || 1));
      });
      const half = 0.43 * (X(x.values[1]) - X(x.values[0])), labels = [];
      curves.forEach((curve, i) => {
        const { path, rings, ends, name } = this.parts[i], values = this.slice(curve);
        const points = values.map((v, j) => [X(x.values[j]), v === -Infinity ? bottom : v === Infinity ? top : Y(v)]);
        const bar = ([px, py]) => (py < bottom - 0.2 ? `M${px - half} ${bottom}V${py}H${px + half}V${bottom}Z` : "");
        const stroke = ([px, py], j) => `${j && points[j - 1][1] === points[j - 1][1] ? "L" : "M"}${px} ${py}`;
        path.setAttribute("d", points.map((p, j) => (p[1] !== p[1] ? "" : bars ? bar(p) : stroke(p, j))).join(""));
        const off = [values.indexOf(-Infinity), values.indexOf(Infinity)].map((j) => (bars ? undefined : points[j]));
        const ring = (p) => (p ? `M${p[0] - 4.5} ${p[1]}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0` : "");
        rings.setAttribute("d", off.map(ring).join(""));
        off.forEach((p, e) => {
          ends[e].textContent = p ? (e ? "∞" : this.spec.y.log ? "0" : "−∞") : "";
          ends[e].setAttribute("x", p ? p[0] + 7 : 0);
        });
        const last = points.findLast((p) => p[1] === p[1]); // only NaN differs from itself
        name.setAttribute("visibility", last ? "visible" : "hidden");
        if (last) labels.push({ name, x: last[0] + 9, y: Math.max(top, Math.min(bottom, last[1])) });
      });
      labels.sort((a, b) => a.y - b.y).forEach((l, i) => (l.y = Math.max(l.y, i ? labels[i - 1].y + 17 : 0)));
      labels.reduceRight((limit, l) => (l.y = Math.min(l.y, limit)) - 17, bottom); // apart, yet above the floor
      for (const { name, x, y } of labels) name.setAttribute("x", x), name.setAttribute("y", y + 4.5);
      for (const { at, shape, line, text } of this.marks) {
        const v = at[this.row(shape)], hidden = v === null || v < x.lo || v > x.hi, flip = X(v) > (left + right) / 2;
        for (const node of [line, text]) node.setAttribute("visibility", hidden ? "hidden" : "visible");
        for (const end of ["x1", "x2"]) line.setAttribute(end, X(v));
        text.setAttribute("x", X(v) + (flip ? -6 : 6));
        text.classList.toggle("end", flip);
      }
      this.caption.replaceChildren(...caption.map((part) => {
        if (typeof part === "string") return part;
        const { slider, words, shape } = part;
        const text = shape ? this.words[words][this.row(shape)] : sliders[slider].texts[this.inputs[slider].value];
        return make("b", {}, null, text);
      }));
    }
  });
})();
