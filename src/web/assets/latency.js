// How the times of one stage are spread, on a logarithmic axis.

import { Plot, axis, colour } from "/assets/chart.js";

const choice = document.getElementById("stage");
const count = new Intl.NumberFormat("en-US");
const PAUSE_MS = 5000;
let latest = null;
let asked = 0;

function time(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (ns >= size) return `${Number((ns / size).toPrecision(3))} ${unit}`;
  }
  return `${Number(ns.toPrecision(3))} ns`;
}

const plot = new Plot(document.getElementById("plot-distribution"), (width) => ({
  width, height: 240, padding: [8, 12, 0, 0],
  cursor: { y: false, points: { size: 6 } },
  scales: { x: { time: false, distr: 3 }, y: { range: (_, low, high) => [0, Math.max(high ?? 1, 1) * 1.08] } },
  axes: [
    axis({ space: 56, values: (_, ticks) => ticks.map((tick) => (tick != null && Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6) ? time(tick) : "")) }),
    axis({ size: 64, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count.format(tick) : "")) }),
  ],
  series: [
    { label: "Up to", value: (_, value) => (value == null ? "–" : time(value)) },
    { label: "Times", stroke: colour("accent"), width: 1.4, fill: `${colour("accent")}33`, points: { show: false }, paths: window.uPlot.paths.stepped({ align: -1 }), value: (_, value) => (value == null ? "–" : count.format(value)) },
  ],
}));

function show() {
  const stage = latest?.stages.find((one) => one.stage === choice.value);
  const words = document.getElementById("distribution-words");
  if (!stage || stage.since_start.count === 0) {
    plot.clear();
    words.textContent = "Nothing was measured for this stage yet.";
    return;
  }
  const { bounds } = latest;
  const { counts } = stage;
  const first = Math.max(counts.findIndex((n) => n > 0) - 2, 0);
  const last = Math.min(counts.findLastIndex((n) => n > 0) + 2, bounds.length - 1);
  // What is above the last bound is shown at it.
  const shown = counts.slice(0, bounds.length);
  shown[bounds.length - 1] += counts[bounds.length];
  plot.show([bounds.slice(first, last + 1), shown.slice(first, last + 1)]);
  const { p50, p99, max, count: all } = stage.since_start;
  words.textContent = `${count.format(all)} times since the process began: half within ${time(p50)}, 99 of 100 within ${time(p99)}, all within ${time(max)}.`;
}

async function load() {
  if (Date.now() - asked < PAUSE_MS) return;
  asked = Date.now();
  const answer = await fetch("/api/v1/latency").catch(() => null);
  if (!answer?.ok) return;
  latest = await answer.json();
  show();
}

choice.addEventListener("change", show);
document.addEventListener("remora:fresh", load);
load();
