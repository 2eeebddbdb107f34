// What both charts share: colours of the theme, and a plot that follows the width of its box and the theme.

export const dark = matchMedia("(prefers-color-scheme: dark)");

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function axis(extra) {
  const font = "12px system-ui, sans-serif";
  const line = { stroke: colour("line-soft"), width: 1 };
  return { stroke: colour("soft"), font, grid: line, ticks: { ...line, size: 4 }, ...extra };
}

// `make(width)` returns uPlot's options; the plot is made again when the theme changes.
export class Plot {
  constructor(box, make) {
    Object.assign(this, { box, make, data: null, plot: null });
    new ResizeObserver(() => this.fit()).observe(box);
    dark.addEventListener("change", () => this.draw());
  }

  show(data) {
    this.data = data;
    if (this.plot) this.plot.setData(data);
    else this.draw();
    this.tell();
  }

  tell() {}

  draw() {
    this.plot?.destroy();
    this.plot = this.data ? new window.uPlot(this.make(this.box.clientWidth), this.data, this.box) : null;
    this.tell();
  }

  clear() {
    this.plot?.destroy();
    this.plot = null;
    this.data = null;
  }

  fit() {
    const width = this.box.clientWidth;
    if (this.plot && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
  }
}

// Values over time. Until somebody points at one, the legend says the latest.
export class Curve extends Plot {
  tell() {
    // The plot finishes itself after this turn, and clears its legend then.
    requestAnimationFrame(() => {
      if (this.plot && this.plot.cursor.idx == null) this.plot.setLegend({ idx: this.data[0].length - 1 });
    });
  }
}
