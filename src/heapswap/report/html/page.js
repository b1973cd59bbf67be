// Draws the figures one after the other, in the colours of the page, and gives the keyboard what the mouse has.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const spoken = document.getElementById("spoken");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touched = matchMedia("(pointer: coarse)");
  const HUES = 8;
  // Of a trace that is one of several kinds, or one of several steps in an order.
  const token = ({ hue, shade }) => (shade === undefined ? `--h${hue % HUES}` : `--s${shade}`);
  const isColoured = ({ hue, shade }) => hue !== undefined || shade !== undefined;

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const one = (name) => style.getPropertyValue(name).trim();
    return { ink: one("--ink"), line: one("--line"), paper: one("--paper"), of: (trace) => one(token(trace)) };
  };
  const faded = (hex) => `${hex}2e`;

  function traced(trace, page) {
    const { hue, shade, ...drawn } = trace;
    if (!isColoured(trace)) return { ...drawn, root: { color: page.line }, marker: { line: { width: 1, color: page.paper } } };
    const colour = page.of(trace);
    drawn.marker = { ...drawn.marker, color: colour };
    drawn.line = { width: 2, ...drawn.line, color: colour };
    if (drawn.error_x) drawn.error_x = { ...drawn.error_x, color: colour };
    if (drawn.error_y) drawn.error_y = { ...drawn.error_y, color: colour };
    if (drawn.fill) drawn.fillcolor = drawn.stackgroup ? `${colour}99` : faded(colour);
    return drawn;
  }

  function laidOut(layout, page) {
    const axis = { gridcolor: page.line, zerolinecolor: page.ink, linecolor: page.line, automargin: true };
    const whole = {
      margin: { l: 48, r: 12, t: 8, b: 40 },
      hoverlabel: { align: "left" },
      ...layout,
      showlegend: false, // it stands below the figure, as buttons
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: page.ink, size: 13, family: "system-ui, sans-serif" },
      dragmode: touched.matches ? false : "zoom",
    };
    if (layout.xaxis) whole.xaxis = { ...axis, ...layout.xaxis };
    if (layout.yaxis) whole.yaxis = { ...axis, ...layout.yaxis };
    return whole;
  }

  const places = [...document.querySelectorAll(".chart")];
  const figureOf = (place) => figures[Number(place.dataset.figure)];
  const config = { responsive: true, displayModeBar: false, displaylogo: false };

  async function draw(place, page, width) {
    const figure = figureOf(place);
    const layout = { ...laidOut(figure.layout, page), height: figure.height, ...(width ? { width } : {}) };
    try {
      await Plotly.react(place, figure.traces.map((trace) => traced(trace, page)), layout, config);
    } catch (error) {
      place.classList.add("failed");
      place.textContent = "This chart could not be drawn; its values stand below.";
      console.error(error);
    }
  }

  // As it was first drawn: Plotly.react would keep what was zoomed into.
  function again(place) {
    Plotly.purge(place);
    for (const button of place.parentElement.querySelectorAll(".legend button")) button.setAttribute("aria-pressed", "true");
    return draw(place, colours());
  }

  let latest = 0;
  async function drawAll(width) {
    const page = colours();
    const mine = ++latest;
    let drawn = 0;
    for (const place of places) {
      if (mine !== latest) return; // it is all drawn anew meanwhile, in other colours
      await draw(place, page, width);
      drawn += 1;
      document.documentElement.dataset.drawn = `${drawn}/${places.length}`;
      if (!width) await new Promise((go) => setTimeout(go)); // the page answers between two charts
    }
    document.documentElement.dataset.ready = "yes";
  }

  // ---- keyboard ---------------------------------------------------------------------------------------------------

  const points = (figure) =>
    figure.traces.flatMap((trace, curveNumber) =>
      trace.hoverinfo === "skip" ? [] : (trace.text || []).map((text, pointNumber) => ({ curveNumber, pointNumber, text })));
  const unescaped = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

  function go(place, step) {
    const figure = figureOf(place);
    const all = points(figure);
    if (!all.length) return;
    const from = place.dataset.point === undefined ? (step > 0 ? -1 : 0) : Number(place.dataset.point);
    const at = (from + step + all.length) % all.length;
    place.dataset.point = at;
    const { curveNumber, pointNumber, text } = all[at];
    spoken.textContent = unescaped(text);
    if (figure.layout.xaxis) Plotly.Fx.hover(place, [{ curveNumber, pointNumber }]);
  }

  function zoom(place, factor) {
    const axes = ["xaxis", "yaxis"].filter((name) => {
      const axis = place.layout[name] && place._fullLayout[name];
      return axis && axis.type === "linear" && !axis.fixedrange;
    });
    const change = {};
    for (const name of axes) {
      const [low, high] = place._fullLayout[name].range;
      const [middle, half] = [(low + high) / 2, ((high - low) / 2) * factor];
      change[`${name}.range`] = [middle - half, middle + half];
    }
    if (axes.length) Plotly.relayout(place, change);
  }

  // A row of the legend stands for every trace of its name: a line and its band.
  function legend(place) {
    const figure = figureOf(place);
    const list = document.createElement("ul");
    list.className = "legend";
    const names = new Map();
    figure.traces.forEach((trace, at) => {
      if (!isColoured(trace) || !trace.name) return;
      if (!names.has(trace.name)) names.set(trace.name, { colour: token(trace), dashed: false, traces: [] });
      names.get(trace.name).dashed ||= trace.line?.dash === "dot";
      names.get(trace.name).traces.push(at);
    });
    for (const [name, { colour, dashed, traces }] of names) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = unescaped(name);
      button.style.setProperty("--hue", `var(${colour})`);
      button.classList.toggle("dashed", dashed);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const isShown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(isShown));
        Plotly.restyle(place, { visible: isShown }, traces);
      });
      const item = document.createElement("li");
      item.append(button);
      list.append(item);
    }
    if (names.size) place.after(list);
  }

  function into(place, level) {
    const trace = figureOf(place).traces[0];
    if (trace.type === "icicle") Plotly.restyle(place, { level: level === undefined ? "" : trace.ids[level] }, [0]);
  }

  function pressed(event) {
    const place = event.currentTarget;
    const acts = {
      ArrowRight: () => go(place, 1), ArrowDown: () => go(place, 1),
      ArrowLeft: () => go(place, -1), ArrowUp: () => go(place, -1),
      "+": () => zoom(place, 0.7), "=": () => zoom(place, 0.7), "-": () => zoom(place, 1 / 0.7),
      0: () => again(place),
      Enter: () => into(place, place.dataset.point), Escape: () => Plotly.Fx.unhover(place, []),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  for (const place of places) {
    place.addEventListener("keydown", pressed);
    legend(place);
  }
  for (const details of document.querySelectorAll("details[data-figure]")) {
    details.addEventListener("toggle", () => {
      const list = details.querySelector("ol");
      if (list.children.length) return;
      list.tabIndex = 0;
      for (const { text } of points(figureOf(details))) {
        const item = document.createElement("li");
        item.textContent = unescaped(text);
        list.append(item);
      }
    });
  }
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
    });
  }

  // ---- light, dark, paper -----------------------------------------------------------------------------------------

  dark.addEventListener("change", () => drawAll());
  const paper = document.documentElement.classList;
  addEventListener("beforeprint", () => { paper.add("paper"); drawAll(680); });
  addEventListener("afterprint", () => { paper.remove("paper"); drawAll(); });
  drawAll();
})();
