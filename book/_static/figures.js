// Live figures are built when they come near the window; until then their still pictures stand in the space kept for them.
// Here they also get what a page can offer beside sliders: values under the pointer or by arrow keys, play, reset, a
// setting in the address, and the picture and the data as files. What they draw, and how, comes with the lesson.
(() => {
  const folder = document.currentScript.dataset.folder, scripts = {};
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const near = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) if (isIntersecting) target.wake();
  }, { rootMargin: "600px" });
  const LOOK = `
    .card { display: flex; flex-direction: column; height: 100%; }
    .stage { position: relative; cursor: crosshair; touch-action: pan-y; }
    .stage:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; border-radius: 4px; }
    .cross { stroke: var(--ink); stroke-width: 1; pointer-events: none; }
    .dot { fill: var(--c); stroke: var(--panel); stroke-width: 1.5; pointer-events: none; }
    output { position: absolute; top: 4px; padding: 5px 9px; border: 1px solid var(--edge); border-radius: 8px; background: var(--panel);
      font-size: 13px; line-height: 1.45; font-variant-numeric: tabular-nums; white-space: nowrap; pointer-events: none; }
    output:empty { display: none; }
    output b { color: var(--c); font-weight: 600; }
    output div { max-width: 15em; overflow: hidden; text-overflow: ellipsis; }
    .tools { display: flex; flex-wrap: wrap; gap: 6px; margin-top: auto; padding-top: 8px; }
    button { min-height: 26px; padding: 0 9px; border: 1px solid var(--edge); border-radius: 7px; background: none; color: var(--muted);
      font: inherit; font-size: 12.5px; cursor: pointer; }
    button:hover { color: var(--ink); border-color: var(--ink); }
    button:focus-visible { outline: 3px solid var(--ink); outline-offset: 1px; }
    @media print { .tools, output, .cross, .dot { display: none; } }`;

  function drawing(name) { // the script that draws figures of that name, fetched once
    return scripts[name] ??= new Promise((done) => {
      const script = document.createElement("script");
      script.src = `${folder}/${name}.js`;
      script.onload = () => customElements.whenDefined(name).then(done);
      document.head.append(script);
    });
  }
  function add(parent, tag, attributes = {}, text) {
    const svg = ["line", "circle"].includes(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const node = document.createElementNS(svg, tag);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    return parent.appendChild(node);
  }
  function number(v) { // as it is read: 0.0123, 4.5 × 10⁻¹²
    if (!Number.isFinite(v)) return v === Infinity ? "∞" : v === -Infinity ? "−∞" : "–";
    const size = Math.abs(v);
    if (v === 0 || (size >= 1e-3 && size < 1e5)) return String(+v.toPrecision(4)).replace("-", "−");
    const [head, power] = v.toExponential(2).split("e");
    const raised = [...String(+power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
    return `${head.replace("-", "−")} × 10${raised}`;
  }

  class Reader { // what stands at one place along x
    constructor(figure) {
      this.figure = figure;
      this.at = null;
      const { stage, spec } = figure;
      for (const [name, value] of Object.entries({ tabindex: 0, role: "group" })) stage.setAttribute(name, value);
      stage.setAttribute("aria-label", `Values along ${spec.x.label}: arrow keys`);
      this.box = add(stage, "output", { "aria-live": "polite" });
      stage.addEventListener("pointermove", ({ clientX }) => this.to(this.nearest(clientX - stage.getBoundingClientRect().left)));
      stage.addEventListener("pointerdown", ({ clientX }) => this.to(this.nearest(clientX - stage.getBoundingClientRect().left)));
      stage.addEventListener("pointerleave", () => stage.matches(":focus-visible") || this.to(null));
      stage.addEventListener("blur", () => this.to(null));
      stage.addEventListener("keydown", (event) => {
        const last = spec.x.values.length - 1, from = this.at ?? (event.key === "ArrowLeft" ? last + 1 : -1);
        const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last, Escape: null }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        this.to(to === null ? null : Math.max(0, Math.min(last, to)));
      });
    }
    nearest(px) {
      const { plane: { X }, spec: { x: { values } } } = this.figure;
      return values.reduce((best, v, j) => (Math.abs(X(v) - px) < Math.abs(X(values[best]) - px) ? j : best), 0);
    }
    to(at) {
      this.at = at;
      this.show();
    }
    show() {
      const { figure, at, box } = this, { spec, stage, plane: { X, Y, top, bottom, left, right } } = figure;
      const svg = stage.querySelector("svg");
      for (const mark of svg.querySelectorAll(".cross, .dot")) mark.remove();
      if (box.parentNode !== stage) stage.append(box); // the drawing was made anew
      if (at === null) return box.replaceChildren();
      const x = spec.x.values[at], px = X(x), values = figure.values();
      add(svg, "line", { x1: px, x2: px, y1: top, y2: bottom, class: "cross" });
      const lines = [[spec.x.label, spec.x.log ? 10 ** x : x, ""]];
      spec.curves.forEach((curve, i) => {
        const v = values[curve.name][at], y = Y(spec.y.log ? Math.log10(v) : v);
        if (v !== v) return;
        lines.push([curve.name, v, `c${i}`]);
        if (y >= top && y <= bottom) add(svg, "circle", { cx: px, cy: y, r: 4, class: `dot c${i}` });
      });
      box.replaceChildren();
      for (const [name, value, kind] of lines) add(add(box, "div", {}, `${name} `), "b", { class: kind }, number(value));
      const beyond = px > (left + right) / 2;
      box.style.left = beyond ? "auto" : `${px + 10}px`;
      box.style.right = beyond ? `${stage.clientWidth - px + 10}px` : "auto";
    }
  }

  function save(name, kind, text) {
    const link = Object.assign(document.createElement("a"), { download: name, href: URL.createObjectURL(new Blob([text], { type: kind })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  function table(figure) { // the curves as they stand, a line for each place along x
    const { x, curves } = figure.spec, values = figure.values(), quote = (text) => `"${text.replaceAll('"', '""')}"`;
    const rows = x.values.map((v, j) => [x.log ? 10 ** v : v, ...curves.map(({ name }) => values[name][j])]);
    return [[x.label, ...curves.map(({ name }) => name)].map(quote), ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
  }
  function picture(figure) { // the drawing with its looks in it, so that it is the same anywhere
    const drawn = figure.stage.querySelector("svg"), copy = drawn.cloneNode(true), from = drawn.querySelectorAll("*");
    const looks = ["fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity", "font-size", "font-weight", "text-anchor", "paint-order"];
    copy.querySelectorAll("*").forEach((node, k) => {
      const style = getComputedStyle(from[k]);
      node.setAttribute("style", looks.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    });
    const { width, height } = drawn.viewBox.baseVal;
    for (const [name, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height, "font-family": "sans-serif" })) {
      copy.setAttribute(name, value);
    }
    copy.style.background = getComputedStyle(figure.shadowRoot.querySelector(".card")).backgroundColor;
    return new XMLSerializer().serializeToString(copy);
  }

  function enrich(figure, place) {
    const { spec, inputs, shadowRoot: root } = figure, card = root.querySelector(".card"), name = place.id;
    add(root, "style", {}, LOOK);
    const reader = new Reader(figure), draw = figure.draw.bind(figure);
    figure.draw = () => { draw(); if (reader.at !== null || reader.box.parentNode !== figure.stage) reader.show(); };
    const set = (input, value) => {
      input.value = value;
      input.dispatchEvent(new Event("input"));
    };
    const tools = add(card, "div", { class: "tools" });
    const tool = (label, title, act) => {
      const button = add(tools, "button", { type: "button", title }, label);
      button.addEventListener("click", act);
      return button;
    };

    const moving = inputs.find((input) => input.type === "range");
    if (moving) {
      let timer = 0;
      const pace = Math.max(60, Math.min(400, 5000 / (+moving.max || 1)));
      const stop = () => {
        clearInterval(timer);
        timer = 0;
        play.textContent = calm.matches ? "Step" : "Play";
      };
      const step = () => {
        set(moving, (+moving.value + 1) % (+moving.max + 1));
        if (+moving.value === +moving.max) stop();
      };
      const play = tool("Play", `Move “${spec.sliders[inputs.indexOf(moving)].label}” through its values`, () => {
        if (timer) return stop();
        if (calm.matches) return step();
        play.textContent = "Pause";
        if (+moving.value === +moving.max) set(moving, 0);
        timer = setInterval(step, pace);
      });
      stop();
      calm.addEventListener("change", stop);
      card.addEventListener("pointerdown", ({ target }) => target === moving && timer && stop());
    }
    tool("Reset", "Back to the setting at the start", () => {
      inputs.forEach((input, i) => set(input, spec.sliders[i].start));
      if (location.hash.startsWith(`#${name}:`)) history.replaceState(null, "", location.href.split("#")[0]);
    });
    tool("Data", "The curves as they stand, as a CSV file", () => save(`${name}.csv`, "text/csv", table(figure)));
    tool("Picture", "The drawing as an SVG file", () => save(`${name}.svg`, "image/svg+xml", picture(figure)));
    let soon = 0;
    root.addEventListener("input", (event) => { // by hand alone: what plays does not bubble up to here
      clearTimeout(soon);
      soon = setTimeout(() => history.replaceState(null, "", `#${name}:${inputs.map(({ value }) => value).join(",")}`), 250);
    });
  }

  function sent() { // the figure and setting that an address names
    const [, name, values] = /^#(figure-\d+):([\d,]+)$/.exec(location.hash) ?? [];
    return name && { place: document.getElementById(name), values: values.split(",") };
  }
  async function follow() {
    const asked = sent();
    if (!asked?.place?.wake) return;
    await asked.place.wake();
    const { inputs, spec } = asked.place.figure;
    inputs.forEach((input, i) => {
      const most = spec.sliders[i].texts.length - 1, value = Math.min(most, +(asked.values[i] ?? input.value));
      input.value = value;
      input.dispatchEvent(new Event("input"));
    });
    asked.place.scrollIntoView({ block: "center", behavior: "instant" });
  }

  customElements.define("live-figure", class extends HTMLElement {
    connectedCallback() { near.observe(this); }
    wake() { // once; the promise is kept when the figure is drawn
      near.unobserve(this);
      return this.waking ??= this.build();
    }
    async build() {
      const { is, itsSpec, itsTable } = this.dataset;
      await drawing(is);
      const figure = this.figure = document.createElement(is);
      Object.assign(figure.dataset, { lmSuppressShortcuts: "true", spec: itsSpec, table: itsTable });
      figure.className = "coming"; // laid out, not seen, until it is drawn: then it takes the still picture's place at once
      this.append(figure);
      while (!figure.plane) await new Promise((next) => setTimeout(next, 16));
      enrich(figure, this);
      figure.className = "";
      for (const still of [...this.children]) if (still !== figure) still.hidden = true;
      this.dataset.awake = "";
    }
  });
  addEventListener("hashchange", follow);
  follow();
})();
