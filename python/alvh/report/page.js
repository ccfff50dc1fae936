"use strict";
(function () {
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById("data-" + id).textContent);
  const figures = read("figures"), shared = read("shared"), trades = read("trades");
  const narrow = () => window.innerWidth < 640;
  const wishes = ["auto", "light", "dark"];
  let wish = "auto", printing = false;

  const system = window.matchMedia("(prefers-color-scheme: dark)");
  function look() {
    if (printing) return "light";
    return wish === "auto" ? (system.matches ? "dark" : "light") : wish;
  }

  // Names of colours become those of the look; the list of sessions is written once for all figures.
  function resolved(value, style) {
    if (typeof value === "string") {
      if (value === "@days") return shared.days;
      return /^@[a-z]+[0-9]?$/.test(value) ? style.getPropertyValue("--" + value.slice(1)).trim() || value : value;
    }
    if (Array.isArray(value)) return value.map((item) => resolved(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item, style)]));
    }
    return value;
  }

  function draw(element, data, layout) {
    const style = getComputedStyle(root), colour = (name) => style.getPropertyValue("--" + name).trim();
    const whole = resolved(layout, style);
    const axis = {gridcolor: colour("grid"), zerolinecolor: colour("muted"), linecolor: colour("rule"), fixedrange: narrow()};
    for (const name of Object.keys(whole).filter((key) => /^[xy]axis/.test(key))) {
      whole[name] = Object.assign({}, axis, whole[name]);
      if (narrow() && name[0] === "y" && whole[name].title) whole[name].title.font = {size: 11};
    }
    Object.assign(whole, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: {family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: narrow() ? 11 : 13},
      margin: {l: narrow() ? 44 : 60, r: 12, t: 22, b: 40},
      legend: {orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: {size: narrow() ? 10 : 12}},
      hoverlabel: {bgcolor: colour("panel"), bordercolor: colour("rule"), font: {color: colour("ink")}},
      dragmode: narrow() ? false : "zoom",
    });
    return Plotly.react(element, resolved(data, style), whole, {displayModeBar: false, responsive: true});
  }

  // --- explorer ----------------------------------------------------------------------------------
  const choice = document.getElementById("explorer-choice");
  const words = document.getElementById("explorer-words");
  const dollars = (x) => (x < 0 ? "-" : "") + "$" + Math.abs(Math.round(x)).toLocaleString("en-US");
  function explore() {
    const trade = trades[choice.selectedIndex];
    const [shortPut, longPut, shortCall, longCall] = trade.strikes;
    const each = trade.credit / (trade.contracts * 100);
    const reach = Math.max(shortPut - longPut, longCall - shortCall);
    const x = [longPut - reach, longPut, shortPut, shortCall, longCall, longCall + reach];
    const y = x.map((s) => {
      const put = Math.max(shortPut - s, 0) - Math.max(longPut - s, 0);
      const call = Math.max(s - shortCall, 0) - Math.max(s - longCall, 0);
      return (each - put - call) * trade.contracts * 100;
    });
    const data = [
      {type: "scatter", mode: "lines", name: "at expiry", x, y, line: {color: "@c0", width: 2.5}, fill: "tozeroy", fillcolor: "@f0"},
      {type: "scatter", mode: "markers", name: "break-even", x: [shortPut - each, shortCall + each], y: [0, 0],
        marker: {color: "@ink", size: 10, symbol: "diamond"}},
    ];
    const levels = [["opened", trade.spot[0], "@c2", "dot"], ["closed", trade.spot[1], "@c1", "dash"]];
    for (const [name, level, colour, dash] of levels) {
      if (level === null) continue;
      data.push({type: "scatter", mode: "lines", name: "index when " + name, x: [level, level],
        y: [Math.min(...y), Math.max(...y)], line: {color: colour, dash, width: 2}});
    }
    words.textContent = `Sold ${trade.opened}, expiry ${trade.expiry}, closed ${trade.closed} (${trade.rule}). ` +
      `${trade.contracts} contracts: puts ${longPut}/${shortPut}, calls ${shortCall}/${longCall}; credit ` +
      `${dollars(trade.credit)}; result after costs ${dollars(trade.pnl)}.`;
    const layout = {xaxis: {title: {text: "index at expiry"}, automargin: true}, yaxis: {title: {text: "USD"}, automargin: true}};
    return draw(document.getElementById("figure-explorer"), data, layout);
  }
  if (choice) {
    for (const trade of trades) {
      const option = document.createElement("option");
      option.textContent = `${trade.opened} to ${trade.closed}: ${dollars(trade.pnl)}`;
      choice.append(option);
    }
    // The worst one says most.
    choice.selectedIndex = trades.reduce((worst, trade, i) => (trade.pnl < trades[worst].pnl ? i : worst), 0);
    choice.addEventListener("change", explore);
    for (const [id, step] of [["explorer-before", -1], ["explorer-after", 1]]) {
      document.getElementById(id).addEventListener("click", () => {
        choice.selectedIndex = (choice.selectedIndex + step + trades.length) % trades.length;
        explore();
      });
    }
  }

  // --- drawing -----------------------------------------------------------------------------------
  async function drawAll() {
    root.dataset.look = look();
    let drawn = 0;
    for (const element of document.querySelectorAll("[data-figure]")) {
      const figure = figures[element.dataset.figure];
      await draw(element, figure.data, figure.layout);
      drawn += 1;
    }
    if (choice) await explore();
    root.dataset.drawn = String(drawn);
  }
  const button = document.getElementById("look");
  button.addEventListener("click", () => {
    wish = wishes[(wishes.indexOf(wish) + 1) % wishes.length];
    button.textContent = "Look: " + wish;
    drawAll();
  });
  system.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; drawAll(); });
  root.dataset.look = look();
  drawAll();
})();
