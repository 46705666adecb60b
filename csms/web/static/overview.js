// The operator page: one frame a second from /ui/stream, drawn into what the server rendered.
const $ = (id) => document.getElementById(id);
const STALE_MS = 3500;
const LATE_S = 30;
const WINDOW_S = 120;
const NONE = "–";

const frameOf = (id) => JSON.parse($(id).textContent);
const kw = (w, digits = 1) => (w == null ? NONE : (w / 1000).toFixed(digits).replace("-", "−"));
const age = (s) => (s == null ? "never" : s < 1 ? "now" : s < 120 ? `${Math.round(s)} s ago` : s < 7200 ? `${Math.round(s / 60)} min ago` : `${Math.round(s / 3600)} h ago`);
const ms = (v) => (v == null ? NONE : v < 10 ? v.toFixed(1) : Math.round(v).toLocaleString("en"));
const time = (iso) => new Date(iso).toISOString().slice(11, 19);
const text = (node, value) => { if (node.textContent !== value) node.textContent = value; };
const cls = (node, value) => { if (node.getAttribute("class") !== value) node.setAttribute("class", value); };

// ---- strip
function tile(name, figure, note, level = "") {
  const node = document.querySelector(`[data-tile="${name}"]`);
  text(node.querySelector("b"), figure);
  const line = node.querySelector(".note");
  text(line, note);
  line.title = note;
  cls(node, `tile ${level}`.trim());
}

function drawStrip(frame) {
  const grid = frame.grid;
  const online = Object.values(frame.online).reduce((sum, n) => sum + n, 0);
  tile("online", `${online}/${frame.known}`, Object.entries(frame.online).map(([v, n]) => `${v} ×${n}`).join(" · "), online < frame.known ? "warn" : "ok");
  tile("latency", ms(frame.p50_ms), `p99 ${ms(frame.p99_ms)} ms`);
  tile("alarms", String(frame.alarms.length), frame.alarms[0] ?? "none", frame.alarms.length ? "bad" : "ok");
  if (!grid) {
    for (const name of ["frequency", "import", "voltage", "curtailed"]) tile(name, NONE, "no dispatch");
    return;
  }
  const off = grid.frequency_hz == null ? 0 : Math.abs(grid.frequency_hz - 50);
  tile("frequency", grid.frequency_hz == null ? NONE : grid.frequency_hz.toFixed(3), grid.frequency_hz == null ? "no measurement" : `${(grid.frequency_hz - 50) * 1000 >= 0 ? "+" : "−"}${Math.abs((grid.frequency_hz - 50) * 1000).toFixed(0)} mHz`, grid.frequency_hz == null ? "" : off > 0.2 ? "bad" : off > 0.05 ? "warn" : "ok");
  tile("import", kw(grid.import_w, Math.abs(grid.import_w) >= 1e6 ? 0 : 1), `losses ${kw(grid.loss_w)} kW`);
  const beyond = grid.worst_v_pu < grid.limit_low_pu || grid.worst_v_pu > grid.limit_high_pu;
  const low = grid.worst_v_pu - grid.limit_low_pu <= grid.limit_high_pu - grid.worst_v_pu;
  const room = low ? grid.worst_v_pu - grid.limit_low_pu : grid.limit_high_pu - grid.worst_v_pu;
  tile("voltage", grid.worst_v_pu.toFixed(3), `bus ${grid.worst_bus} · limit ${(low ? grid.limit_low_pu : grid.limit_high_pu).toFixed(2)}`, beyond ? "bad" : room < 0.005 ? "warn" : "ok");
  tile("curtailed", kw(grid.curtailed_w), `cycle ${grid.cycle_ms.toFixed(1)} ms`, grid.curtailed_w > 500 ? "warn" : "ok");
}

// ---- diagram
const MARKS = { round: "M0-5.5A5.5 5.5 0 1 1 0 5.5A5.5 5.5 0 1 1 0-5.5Z", low: "M0 8L-8-6H8Z", high: "M0-8L8 6H-8Z", dot: "M0-1.6A1.6 1.6 0 1 1 0 1.6A1.6 1.6 0 1 1 0-1.6Z", small: "M0-3.4A3.4 3.4 0 1 1 0 3.4A3.4 3.4 0 1 1 0-3.4Z", source: "M-7-7H7V7H-7Z" };
const FLOW = { charging: "M0 3.5L-3.5-2.5H3.5Z", discharging: "M0-3.5L3.5 2.5H-3.5Z", idle: "" };
const diagram = $("diagram");
const buses = diagram ? [...diagram.querySelectorAll(".bus")].map((node) => ({ node, name: node.dataset.bus, parent: node.dataset.parent, mark: node.querySelector(".mark"), charger: node.querySelector(".charger"), isSource: node.classList.contains("source"), small: node.classList.contains("small") })) : [];
const arms = diagram ? [...diagram.querySelectorAll(".arm")] : [];
const indexOf = new Map(buses.map((bus, i) => [bus.name, i]));
let chosen = null;
let last = null;

function drawDiagram(grid) {
  if (!grid || !diagram) return;
  text($("feeder-name"), grid.name);
  text($("scale-low"), grid.limit_low_pu.toFixed(2));
  text($("scale-high"), grid.limit_high_pu.toFixed(2));
  const dense = diagram.classList.contains("dense");
  const thickest = dense ? 2.2 : 4.8;
  const peak = Math.max(1, ...grid.flow_w.map((w) => Math.abs(w ?? 0)));
  buses.forEach((bus, i) => {
    const v = grid.v_pu[i];
    const side = v == null ? "" : v < grid.limit_low_pu ? "low" : v > grid.limit_high_pu ? "high" : "";
    const frac = v == null ? 0 : (v - grid.limit_low_pu) / (grid.limit_high_pu - grid.limit_low_pu);
    cls(bus.mark, side ? `mark ${side}` : v == null ? "mark" : `mark v${Math.min(6, Math.max(0, Math.floor(frac * 7)))}`);
    const shape = side || (bus.isSource ? "source" : dense ? (bus.small ? "dot" : "small") : "round");
    if (bus.shape !== shape) { bus.shape = shape; bus.mark.setAttribute("d", MARKS[shape]); }
    bus.node.classList.toggle("worst", bus.name === grid.worst_bus);
    if (bus.charger) {
      const state = grid.evse_w[i] > 50 ? "charging" : grid.evse_w[i] < -50 ? "discharging" : "idle";
      cls(bus.charger, `charger ${state}`);
      bus.charger.querySelector("path").setAttribute("d", FLOW[state]);
    }
  });
  arms.forEach((arm, i) => {
    const loading = grid.loading_frac[i];
    cls(arm, loading > 1 ? "arm over" : loading > 0.8 ? "arm busy" : "arm");
    arm.style.strokeWidth = `${(1.2 + thickest * Math.sqrt(Math.abs(grid.flow_w[i] ?? 0) / peak)).toFixed(2)}px`;
  });
  if (chosen != null) describe(chosen);
}

function describe(i) {
  const grid = last?.grid;
  const bus = buses[i];
  if (!grid || !bus) return;
  const v = grid.v_pu[i];
  const parts = [`Bus ${bus.name}`, v == null ? "no voltage" : `${v.toFixed(4)} pu${v < grid.limit_low_pu ? " ▼ below limit" : v > grid.limit_high_pu ? " ▲ above limit" : ""}`, `load ${kw(grid.load_w[i])} kW`];
  if (grid.estimate_v_pu[i] != null) parts.push(`estimate ${grid.estimate_v_pu[i].toFixed(4)} ± ${(2 * (grid.sigma_v_pu[i] ?? 0)).toFixed(4)} pu`);
  if (bus.charger) parts.push(`chargers ${kw(grid.evse_w[i])} kW`);
  if (i > 0 && bus.parent != null) {
    const loading = grid.loading_frac[i - 1];
    parts.push(`from ${bus.parent}: ${kw(grid.flow_w[i - 1])} kW${loading == null ? "" : `, ${(loading * 100).toFixed(0)} % loaded`}`);
  }
  const here = last.rows.filter((row) => row.bus === bus.name).map((row) => row.station);
  if (here.length) parts.push(here.join(", "));
  $("detail").replaceChildren(...parts.map((part, n) => Object.assign(document.createElement(n ? "span" : "b"), { textContent: n === 1 ? ` · ${part}` : part })));
}

function choose(i) {
  if (chosen != null) buses[chosen].node.classList.remove("chosen");
  chosen = i;
  if (i == null) return;
  buses[i].node.classList.add("chosen");
  describe(i);
}

if (diagram) {
  for (const type of ["pointerover", "click"]) {
    diagram.addEventListener(type, (event) => {
      const bus = event.target.closest(".bus");
      if (bus) choose(indexOf.get(bus.dataset.bus));
    });
  }
  diagram.addEventListener("keydown", (event) => {
    const at = chosen ?? 0;
    const siblings = buses.map((bus, i) => i).filter((i) => buses[i].parent === buses[at].parent);
    const children = buses.map((bus, i) => i).filter((i) => buses[i].parent === buses[at].name);
    const step = siblings.indexOf(at);
    const to = { ArrowRight: children[0], ArrowLeft: indexOf.get(buses[at].parent), ArrowDown: siblings[(step + 1) % siblings.length], ArrowUp: siblings[(step + siblings.length - 1) % siblings.length], Home: 0 }[event.key];
    if (to == null) return;
    event.preventDefault();
    choose(to);
  });
}

// ---- stations
const rows = new Map();
const STATE_CLASS = { Charging: "ok", Discharging: "v2g", Faulted: "bad", Offline: "bad", SuspendedEVSE: "warn", SuspendedEV: "warn", Unavailable: "warn" };

function bar(rect, w, scale, zero) {
  const x = w == null ? zero : zero + w * scale;
  rect.setAttribute("x", Math.min(zero, x).toFixed(1));
  rect.setAttribute("width", w == null ? 0 : Math.max(1, Math.abs(x - zero)).toFixed(1));
}

function drawRow(row) {
  const key = `${row.station}/${row.evse}`;
  let node = rows.get(key);
  if (!node) {
    node = $("row").content.firstElementChild.cloneNode(true);
    node.dataset.station = row.station;
    const link = node.querySelector("a");
    link.textContent = row.evse > 1 ? key : row.station;
    link.href = `/stations/${encodeURIComponent(row.station)}`;
    rows.set(key, node);
    $("rows").append(node);
  }
  const cell = node.children;
  text(cell[1], row.version ?? NONE);
  const state = node.querySelector(".state");
  text(state, row.stale ? `${row.status}, stale` : row.status);
  cls(state, `state ${row.stale ? "warn" : STATE_CLASS[row.status] ?? ""}`);
  text(cell[3], row.bus ?? NONE);
  const max = row.max_w ?? Math.max(1, row.measured_w ?? 0, row.commanded_w ?? 0);
  const scale = 160 / (max - row.min_w);
  const zero = -row.min_w * scale;
  const measured = node.querySelector(".measured");
  cls(measured, row.measured_w < 0 ? "measured out" : "measured");
  bar(measured, row.measured_w, scale, zero);
  bar(node.querySelector(".commanded"), row.commanded_w, scale, zero);
  for (const end of ["x1", "x2"]) node.querySelector(".zero").setAttribute(end, zero.toFixed(1));
  text(cell[5], `${kw(row.measured_w)} / ${kw(row.commanded_w)}`);
  text(cell[6], row.soc_frac == null ? NONE : `${Math.round(row.soc_frac * 100)} %`);
  text(cell[7], row.limit == null ? NONE : `${row.limit}${row.source ? ` (${row.source})` : ""}`);
  text(cell[8], age(row.age_s));
  node.classList.toggle("offline", !row.connected);
  node.classList.toggle("late", row.connected && row.age_s > LATE_S);
  return key;
}

function drawRows(frame) {
  const seen = new Set(frame.rows.map(drawRow));
  for (const [key, node] of rows) if (!seen.has(key)) { node.remove(); rows.delete(key); }
  $("rows-none").hidden = frame.rows.length > 0;
  $("rows-more").hidden = frame.rows_left_out === 0;
  text($("rows-more"), `${frame.rows_left_out} more EVSEs are not shown here; /v1/stations lists all.`);
  filterRows();
}

function filterRows() {
  const wanted = $("filter").value.trim().toLowerCase();
  for (const node of rows.values()) node.hidden = wanted !== "" && !node.textContent.toLowerCase().includes(wanted);
}

// ---- commands, knocks, alarms
const GLYPH = { accepted: "✓", rejected: "✕", failed: "✕", timed_out: "⧖", offline: "◌", queued: "…", sent: "→", expired: "⧖", superseded: "↷" };
const SVG = "http://www.w3.org/2000/svg";
const make = (tag, props = {}, ...children) => { const node = Object.assign(document.createElement(tag), props); node.append(...children); return node; };

function latencyBar(queue, trip, longest) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 5");
  svg.setAttribute("preserveAspectRatio", "none");
  const queued = (queue / longest) * 100;
  for (const [name, x, width] of [["track", 0, 100], ["queue", 0, queued], ["trip", queued, (trip / longest) * 100]]) {
    const rect = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ class: name, x, width, height: 5 })) rect.setAttribute(key, value);
    svg.append(rect);
  }
  return svg;
}

function drawCommands(frame) {
  const list = $("commands");
  $("commands-none").hidden = frame.commands.length > 0;
  const mark = frame.commands.map((one) => one.command_id + one.state).join();
  if (list.dataset.mark === mark) return;
  list.dataset.mark = mark;
  const longest = Math.max(1, ...frame.commands.map((one) => (one.queue_ms ?? 0) + (one.round_trip_ms ?? 0)));
  list.replaceChildren(...frame.commands.map((one) => {
    const total = one.round_trip_ms == null ? null : (one.queue_ms ?? 0) + one.round_trip_ms;
    const what = make("span", { className: "what", title: `${one.station}: ${one.action}` }, make("a", { href: `/stations/${encodeURIComponent(one.station)}`, textContent: one.station }), ` ${one.action}`);
    const state = make("span", { className: `state cmd-${one.state}`, textContent: `${GLYPH[one.state] ?? ""} ${one.state.replace("_", " ")}`, title: one.status ?? "" });
    const took = make("div", { className: "took" }, latencyBar(one.queue_ms ?? 0, one.round_trip_ms ?? 0, longest), make("span", { textContent: total == null ? NONE : `${ms(total)} ms` }));
    return make("li", {}, make("span", { className: "when", textContent: time(one.at) }), what, state, took);
  }));
}

function drawKnocks(frame) {
  const mark = frame.knocks.map((knock) => knock.station).join("\n");
  $("knocks").hidden = frame.knocks.length === 0 && $("accepted").childElementCount === 0;
  text($("knock-count"), frame.knocks.length ? String(frame.knocks.length) : "");
  const list = $("knock-list");
  if (list.dataset.mark !== mark) {
    list.dataset.mark = mark;
    list.replaceChildren(...frame.knocks.map((knock) => {
      const node = $("knock").content.firstElementChild.cloneNode(true);
      node.dataset.station = knock.station;
      node.querySelector("b").textContent = knock.station;
      const form = node.querySelector("form");
      if (form) {
        form.elements.station.value = knock.station;
        form.querySelector("button").setAttribute("aria-label", `Accept ${knock.station}`);
      }
      return node;
    }));
    window.htmx?.process(list);
  }
  frame.knocks.forEach((knock, i) => text(list.children[i].querySelector(".muted"), `${knock.reason} · ${knock.address}${knock.versions ? ` · OCPP ${knock.versions}` : ""} · ${knock.count}×`));
}

// ---- state estimate and the next kilowatt
const signed = (value, digits) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
const spot = (one) => `${one.bus}${one.phase ? ` ${one.phase.toUpperCase()}` : ""}`;

function rejectedWords(one) {
  const show = (value) => one.quantity === "voltage" ? `${value.toFixed(4)} pu` : `${kw(value)} kW`;
  const which = one.meter === "import" ? "head meter" : one.meter;
  return ` ${which}: ${one.quantity} ${show(one.told)}, the others say ${show(one.expected)} (${one.sigmas.toFixed(0)} σ off, since ${time(one.since)})`;
}

function drawTwin(grid) {
  $("twin").hidden = !grid?.estimate && !grid?.next_kw;
  if (!grid) return;
  const found = grid.estimate;
  $("estimate").hidden = $("rejected").hidden = !found;
  if (found) {
    text($("estimate"), `Lowest voltage ${found.lowest_v_pu.toFixed(4)} ± ${(2 * found.lowest_sigma_pu).toFixed(4)} pu (95 %) at bus ${found.lowest_bus}, by ${found.meters} meter values. ${found.rejected.length ? `Not believed: ${found.rejected.length}` : "All believed."}`);
    $("rejected").replaceChildren(...found.rejected.map((one) => make("li", {}, make("b", { textContent: "✕", ariaHidden: "true" }), rejectedWords(one))));
  }
  $("next-kw").hidden = !grid.next_kw;
  const line = (mark, label) => (one) => make("tr", {}, make("td", { title: label }, make("span", { className: "rank", textContent: mark, ariaHidden: "true" }), make("span", { className: "visually-hidden", textContent: `${label}: ` }), spot(one)), make("td", { className: "num", textContent: signed(one.loss_kw_per_kw, 4) }), make("td", { className: "num", textContent: signed(one.v_pu_per_kw, 6) }));
  if (grid.next_kw) {
    const best = new Set(grid.next_kw.best.map(spot));
    $("next-best").replaceChildren(...grid.next_kw.best.map(line("▲", "least harm")));
    $("next-worst").replaceChildren(...grid.next_kw.worst.filter((one) => !best.has(spot(one))).reverse().map(line("▼", "most harm")));
  }
}

function drawAlarms(frame) {
  $("alarms").hidden = frame.alarms.length === 0;
  const mark = frame.alarms.join("\n");
  const list = $("alarm-list");
  if (list.dataset.mark === mark) return;
  list.dataset.mark = mark;
  list.replaceChildren(...frame.alarms.map((textContent) => make("li", { textContent })));
}

// ---- charts
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const points = frameOf("history").map(([at, frequency, volts]) => [at, frequency, volts]);

function chart(id, column, digits, limits, minSpan) {
  const node = $(id);
  const axis = () => ({ stroke: css("--muted"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" });
  const dashed = (u) => {
    for (const limit of limits()) {
      if (limit == null) continue;
      const y = u.valToPos(limit, "y", true);
      if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
      u.ctx.save();
      u.ctx.strokeStyle = css("--bad");
      u.ctx.setLineDash([5, 4]);
      u.ctx.beginPath();
      u.ctx.moveTo(u.bbox.left, y);
      u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
      u.ctx.stroke();
      u.ctx.restore();
    }
  };
  const range = (u, low, high) => {
    const values = [low, high, ...limits().filter((limit) => limit != null && low != null && Math.abs(limit - low) < minSpan * 3)].filter((v) => v != null);
    const min = Math.min(...values), max = Math.max(...values);
    const pad = Math.max((max - min) * 0.12, (minSpan - (max - min)) / 2, 0);
    return values.length ? [min - pad, max + pad] : [0, 1];
  };
  const seconds = (u, splits) => splits.map((s) => { const back = Math.round(s - u.scales.x.max); return back === 0 ? "now" : `${back} s`; });
  const plot = new window.uPlot({
    width: node.clientWidth, height: node.clientHeight,
    cursor: { y: false, points: { size: 7 } }, legend: { show: false },
    scales: { x: { time: false }, y: { range } },
    axes: [{ ...axis(), values: seconds, splits: (u) => [-120, -90, -60, -30, 0].map((s) => u.scales.x.max + s), size: 26 }, { ...axis(), values: (u, ticks) => ticks.map((v) => v.toFixed(digits)), size: 54 }],
    series: [{}, { stroke: css("--accent"), width: 2, spanGaps: false, points: { show: false } }],
    hooks: { draw: [dashed] },
  }, [[], []], node);
  new ResizeObserver(() => plot.setSize({ width: node.clientWidth, height: node.clientHeight })).observe(node);
  return () => {
    const end = points.length ? points.at(-1)[0] : Date.now() / 1000;
    plot.setData([points.map((p) => p[0]), points.map((p) => p[column])], false);
    plot.setScale("x", { min: end - WINDOW_S, max: end });
  };
}
let charts = [];

function drawCharts(frame) {
  const grid = frame.grid;
  const at = grid ? Date.parse(grid.at) / 1000 : null;
  if (at && (!points.length || at > points.at(-1)[0])) points.push([at, grid.frequency_hz, grid.worst_v_pu]);
  while (points.length && points[0][0] < points.at(-1)[0] - WINDOW_S) points.shift();
  for (const draw of charts) draw();
}

// ---- stream
let heard = performance.now();

function draw(frame) {
  if (last && frame.topology !== last.topology) return location.reload();
  last = frame;
  drawStrip(frame);
  drawDiagram(frame.grid);
  drawTwin(frame.grid);
  drawRows(frame);
  drawCommands(frame);
  drawKnocks(frame);
  drawAlarms(frame);
  drawCharts(frame);
}

function watchAge() {
  const silent = performance.now() - heard;
  const behind = last?.grid ? Date.parse(last.at) - Date.parse(last.grid.at) : 0;
  const stale = silent > STALE_MS;
  document.body.classList.toggle("stale", stale);
  cls($("live"), stale ? "live off" : "live on");
  text($("live"), stale ? "no data" : `live ${last ? time(last.at) : ""} UTC`);
  $("stale").hidden = !stale && behind < 5000;
  if (stale) text($("stale"), `■ The stream stopped ${Math.round(silent / 1000)} s ago. What is shown is from ${last ? time(last.at) : "?"} UTC.`);
  else if (behind >= 5000) text($("stale"), `■ Dispatch stopped: the feeder's figures are ${Math.round(behind / 1000)} s old.`);
}

window.addEventListener("DOMContentLoaded", () => {
  const grid = () => last?.grid;
  charts = [chart("chart-frequency", 1, 2, () => [49.8, 50.2], 0.1), chart("chart-voltage", 2, 3, () => [grid()?.limit_low_pu, grid()?.limit_high_pu], 0.02)];
  draw(frameOf("first-frame"));
  const source = new EventSource(`/ui/stream${location.search}`);
  source.addEventListener("frame", (event) => { heard = performance.now(); draw(JSON.parse(event.data)); watchAge(); });
  setInterval(watchAge, 500);
  watchAge();
  $("filter").addEventListener("input", filterRows);
  document.querySelector(".picker select")?.addEventListener("change", (event) => event.target.form.submit());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== $("filter")) { event.preventDefault(); $("filter").focus(); }
    if (event.key === "Escape" && document.activeElement === $("filter")) { $("filter").value = ""; filterRows(); $("filter").blur(); }
  });
  document.addEventListener("htmx:after:swap", () => document.querySelector("#accepted .accepted")?.focus());
});
