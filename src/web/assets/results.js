// What each day realised, and what that adds up to.

import { Plot, axis, colour } from "/assets/chart.js";

const figure = document.getElementById("days");
const words = document.getElementById("days-words");
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const short = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 2, minimumFractionDigits: 0 });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const DAY = 86400;
const PAUSE_MS = 5000;

const bars = () => window.uPlot.paths.bars({ size: [0.6, 48], align: 0 });
const room = (_, low, high) => {
  const pad = Math.max((Math.max(high ?? 0, 0) - Math.min(low ?? 0, 0)) * 0.08, 0.01);
  return [Math.min(low ?? 0, 0) - pad, Math.max(high ?? 0, 0) + pad];
};

const plot = new Plot(document.getElementById("plot-days"), (width) => ({
  width, height: 240, padding: [8, 12, 0, 0], tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "UTC"),
  cursor: { y: false, points: { size: 6 } },
  scales: { x: { time: true, range: (_, low, high) => [low - DAY * 0.7, high + DAY * 0.7] }, y: { range: room } },
  axes: [
    axis({ space: 64, incrs: [1, 2, 7, 14, 30, 90].map((days) => days * DAY), values: (_, ticks) => ticks.map((tick) => date.format(tick * 1000)) }),
    axis({ size: 72, values: (_, ticks) => ticks.map((tick) => short.format(tick)) }),
  ],
  series: [
    { label: "Day", value: (_, value) => (value == null ? "–" : date.format(value * 1000)) },
    { label: "That day", stroke: colour("accent"), fill: `${colour("accent")}55`, width: 1, points: { show: false }, paths: bars(), value: (_, value) => (value == null ? "–" : dollars.format(value || 0)) },
    { label: "In all", stroke: colour("ink"), width: 1.6, points: { show: true, size: 5 }, value: (_, value) => (value == null ? "–" : dollars.format(value || 0)) },
  ],
}));

let asked = 0;

async function load() {
  if (Date.now() - asked < PAUSE_MS) return;
  asked = Date.now();
  const answer = await fetch(`/api/v1/results?${figure.dataset.query}`).catch(() => null);
  if (!answer?.ok) return; // the banner says why
  const { results } = await answer.json();
  if (results.length === 0) { plot.clear(); return; }
  const at = results.map((row) => Date.parse(`${row.name}T00:00:00Z`) / 1000);
  const each = results.map((row) => Number(row.realised));
  let sum = 0;
  const all = each.map((one) => (sum += one));
  plot.show([at, each, all]);
  const best = each.indexOf(Math.max(...each));
  const worst = each.indexOf(Math.min(...each));
  words.textContent = `${results.length} days with trades, ${dollars.format(sum || 0)} in all. Best ${results[best].name}: ${dollars.format(each[best] || 0)}; worst ${results[worst].name}: ${dollars.format(each[worst] || 0)}.`;
}

load();
document.addEventListener("remora:fresh", load);
