// The equity curve and, under it, how far it is below its highest point.

import { Curve, axis, colour } from "/assets/chart.js";

const figure = document.getElementById("equity"); // absent where there is no portfolio
let equity;
let drawdown;
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const short = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 2, minimumFractionDigits: 0 });
const utc = (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "UTC");
const PAUSE_MS = 5000;

function options(label, ink, height, more) {
  return (width) => ({
    width, height, tzDate: utc, padding: [8, 12, 0, 0],
    cursor: { sync: { key: "equity" }, y: false, points: { size: 6 } },
    legend: { live: true },
    scales: { x: { time: true }, y: more.scale ?? {} },
    axes: [axis({ space: 84, values: times }), axis({ size: 72, values: (_, ticks) => ticks.map((tick) => short.format(tick)) })],
    series: [
      { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
      { label, stroke: colour(ink), width: 1.6, fill: more.fill ? `${colour(ink)}22` : undefined, points: { show: false }, paths: window.uPlot.paths.stepped({ align: 1 }), value: (_, value) => (value == null ? "–" : dollars.format(value || 0)) },
    ],
  });
}

const DAY = 86400;
const clock = window.Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const date = window.Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

// The day where one begins, else the time of day.
function times(_, ticks) {
  return ticks.map((tick) => (tick % DAY === 0 ? date : clock).format(tick * 1000));
}

// A curve that does not move still needs a scale with some height.
const room = (_, low, high) => {
  if (low == null) return [0, 1];
  const pad = Math.max((high - low) * 0.08, Math.abs(high) * 0.0005, 0.01);
  return [low - pad, high + pad];
};
const below = (_, low) => [Math.min((low ?? 0) * 1.1, -0.01), 0];

let asked = 0;

async function load() {
  if (!figure || Date.now() - asked < PAUSE_MS) return;
  asked = Date.now();
  const answer = await fetch(`/api/v1/portfolio?mode=${figure.dataset.mode}&portfolio=${figure.dataset.portfolio}&range=${figure.dataset.range}`).catch(() => null);
  if (!answer?.ok) return; // the banner says why
  const { chart } = await answer.json();
  const [at, worth, fall] = chart;
  if (at.length === 0) { equity.clear(); drawdown.clear(); return; }
  equity.show([at, worth]);
  drawdown.show([at, fall]);
}

if (figure) {
  equity = new Curve(document.getElementById("plot-equity"), options("Equity", "accent", 230, { scale: { range: room } }));
  drawdown = new Curve(document.getElementById("plot-drawdown"), options("Below the high", "bad", 120, { scale: { range: below }, fill: true }));
  load();
  document.addEventListener("remora:fresh", load);
}
