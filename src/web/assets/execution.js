// Orders, fills and noes over time; under it slippage, and how far behind the leader we were.

import { Curve, axis, colour } from "/assets/chart.js";

const figure = document.getElementById("pace");
const words = document.getElementById("pace-words");
const count = new Intl.NumberFormat("en-US");
const PAUSE_MS = 5000;
const utc = (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "UTC");
const x = { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" };
const shown = (unit) => (_, value) => (value == null ? "–" : `${count.format(Math.round(value * 10) / 10)}${unit}`);
let width = 3600;

function base(pixels, height, label) {
  return {
    width: pixels, height, padding: [8, 12, 0, 0], tzDate: utc, cursor: { y: false, points: { size: 6 } },
    scales: { x: { time: true, range: (_, low, high) => [low - width * 0.7, high + width * 0.7] }, y: { range: (_, low, high) => [Math.min(low ?? 0, 0), Math.max(high ?? 0, 1) * 1.08] } },
    axes: [axis({ space: 64 }), axis({ size: 72, label, labelSize: 16, labelFont: "12px system-ui, sans-serif", values: (_, ticks) => ticks.map((tick) => count.format(tick)) })],
  };
}

const pace = new Curve(document.getElementById("plot-pace"), (pixels) => ({
  ...base(pixels, 220, "number"),
  series: [
    x,
    { label: "Noes", stroke: colour("soft"), width: 1.2, points: { show: false }, value: shown("") },
    { label: "Orders", stroke: colour("accent"), fill: `${colour("accent")}44`, width: 1, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.7, 40] }), value: shown("") },
    { label: "With fills", stroke: colour("good"), width: 1.8, points: { show: true, size: 5 }, value: shown("") },
  ],
}));
const slippage = new Curve(document.getElementById("plot-slippage"), (pixels) => ({
  ...base(pixels, 130, "bps worse"),
  series: [x, { label: "Slippage", stroke: colour("bad"), width: 1.5, spanGaps: true, points: { show: true, size: 5 }, value: shown(" bps") }],
}));
const behind = new Curve(document.getElementById("plot-behind"), (pixels) => ({
  ...base(pixels, 130, "ms behind"),
  series: [x, { label: "Behind the leader, half under", stroke: colour("deployed"), width: 1.5, spanGaps: true, points: { show: true, size: 5 }, value: shown(" ms") }],
}));

let asked = 0;

async function load() {
  if (Date.now() - asked < PAUSE_MS) return;
  asked = Date.now();
  const answer = await fetch(`/api/v1/execution?${figure.dataset.query}`).catch(() => null);
  if (!answer?.ok) return; // the banner says why
  const { slots, slot_seconds: seconds } = (await answer.json()).execution;
  if (slots.length === 0) { for (const plot of [pace, slippage, behind]) plot.clear(); return; }
  width = seconds;
  const at = slots.map((slot) => Date.parse(slot.at) / 1000);
  const number = (value) => (value == null ? null : Number(value));
  pace.show([at, slots.map((slot) => slot.noes), slots.map((slot) => slot.orders), slots.map((slot) => slot.filled)]);
  slippage.show([at, slots.map((slot) => number(slot.slippage_bps))]);
  behind.show([at, slots.map((slot) => (slot.behind_us == null ? null : slot.behind_us / 1000))]);
  const orders = slots.reduce((sum, slot) => sum + slot.orders, 0);
  const filled = slots.reduce((sum, slot) => sum + slot.filled, 0);
  const busiest = slots.reduce((most, slot) => (slot.orders > most.orders ? slot : most));
  words.textContent = `${count.format(slots.length)} ${seconds === 3600 ? "hours" : "days"} in which something was decided: ${count.format(orders)} orders, ${count.format(filled)} of them with fills. The most in one was ${count.format(busiest.orders)}, on ${busiest.at.slice(0, 16).replace("T", " ")} UTC.`;
}

load();
document.addEventListener("remora:fresh", load);
