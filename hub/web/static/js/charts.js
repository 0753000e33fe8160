// Draws every [data-chart] from the figures in its own attributes; colours come from the style sheet's variables.
(() => {
  "use strict";
  const lang = document.documentElement.lang;
  const figures = new Intl.NumberFormat(lang);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const charts = new Map();

  const base = () => ({
    animation: !still,
    animationDuration: 120,
    animationDurationUpdate: 120,
    textStyle: { fontFamily: colour("font"), color: colour("text-2") },
    grid: { left: 8, right: 24, top: 34, bottom: 4, containLabel: true },
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: colour("surface"),
      borderColor: colour("line-2"),
      textStyle: { color: colour("text"), fontSize: 12 },
    },
  });
  const axis = () => ({
    axisLine: { lineStyle: { color: colour("line-2") } },
    axisTick: { show: false },
    axisLabel: { color: colour("text-3"), fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: colour("line") } },
    nameTextStyle: { color: colour("text-3"), fontSize: 11, align: "left" },
  });

  const waterfall = (node) => {
    const bars = JSON.parse(node.dataset.bars);
    const paint = { sum: colour("text-3"), less: colour("plot-2"), shop: colour("plot-1") };
    return {
      ...base(),
      grid: { left: 8, right: 12, top: 30, bottom: 4, containLabel: true },
      tooltip: { show: false },
      xAxis: { ...axis(), type: "category", data: bars.map((bar) => bar.name), axisLabel: { color: colour("text-2"), fontSize: 12, interval: 0, width: Math.max(36, node.clientWidth / bars.length - 16), overflow: "truncate" } },
      yAxis: { ...axis(), type: "value", name: node.dataset.unit, minInterval: 1 },
      series: [
        { type: "bar", stack: "fall", silent: true, itemStyle: { color: "transparent" }, data: bars.map((bar) => bar.from) },
        {
          type: "bar",
          stack: "fall",
          barMaxWidth: 64,
          data: bars.map((bar) => ({ value: bar.to - bar.from, itemStyle: { color: paint[bar.kind], borderRadius: 2 } })),
          label: { show: true, position: "top", color: colour("text"), fontWeight: 600, formatter: (at) => (bars[at.dataIndex].value < 0 ? "−" : "") + figures.format(Math.abs(bars[at.dataIndex].value)) },
        },
      ],
    };
  };

  const flow = (node) => {
    const { minutes, shops } = JSON.parse(node.dataset.flow);
    const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
    const labels = minutes.map((at) => clock.format(new Date(at * 1000)));
    return {
      ...base(),
      tooltip: { ...base().tooltip, trigger: "axis" },
      legend: { top: 0, right: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: colour("text-2"), fontSize: 12 } },
      color: [1, 2, 3, 4, 5, 6].map((n) => colour(`plot-${n}`)),
      xAxis: { ...axis(), type: "category", boundaryGap: false, data: labels },
      yAxis: { ...axis(), type: "value", name: node.dataset.unit, minInterval: 1 },
      series: shops.map((shop) => ({ name: shop.name, type: "line", stack: "all", symbol: "none", lineStyle: { width: 1.5 }, areaStyle: { opacity: 0.28 }, emphasis: { disabled: true }, data: shop.counts })),
    };
  };

  const kinds = { waterfall, flow };
  const draw = (node) => {
    let chart = charts.get(node);
    if (!chart) {
      chart = window.echarts.init(node, null, { renderer: "canvas" });
      charts.set(node, chart);
    }
    chart.setOption(kinds[node.dataset.chart](node), true);
  };
  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  document.addEventListener("pulse", (event) => {
    const node = document.querySelector('[data-chart="flow"]');
    if (node && !("still" in node.dataset) && event.detail.flow) {
      const text = JSON.stringify(event.detail.flow);
      if (node.dataset.flow !== text) {
        node.dataset.flow = text;
        draw(node);
      }
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new ResizeObserver(() => charts.forEach((chart) => chart.resize())).observe(document.body);
  drawAll();
})();
