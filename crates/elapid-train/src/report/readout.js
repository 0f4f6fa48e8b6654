// Shows the values at the step under the pointer in the legend of every chart at once, since all
// share one axis. The page is complete without this script.
"use strict";
(() => {
  const charts = [...document.querySelectorAll("figure.chart")].map((figure) => {
    const svg = figure.querySelector("svg");
    const [left, right, first, last] = ["left", "right", "first", "last"].map((key) => Number(svg.dataset[key]));
    const values = [...figure.querySelectorAll(".legend b")];
    const lines = [...svg.querySelectorAll("[data-points]")].map((line) =>
      line.dataset.points.split(" ").map((pair) => {
        const [step, value] = pair.split(":");
        return { step: Number(step), value: value || "not finite" };
      }));
    return { svg, left, right, first, last, values, lines, cursor: svg.querySelector(".cursor") };
  });

  const nearest = (points, step) => {
    let low = 0;
    let high = points.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle].step < step) low = middle + 1;
      else high = middle;
    }
    const before = points[Math.max(low - 1, 0)];
    return step - before.step < points[low].step - step ? before : points[low];
  };

  const show = (step) => charts.forEach(({ left, right, first, last, values, lines, cursor }) => {
    const x = left + ((step - first) / (last - first)) * (right - left);
    cursor.querySelector("path").setAttribute("transform", `translate(${x})`);
    const label = cursor.querySelector("text");
    label.setAttribute("x", Math.min(Math.max(x, left + 30), right - 30));
    label.textContent = `step ${step}`;
    cursor.setAttribute("visibility", "visible");
    lines.forEach((points, index) => { values[index].textContent = nearest(points, step).value; });
  });

  const clear = () => charts.forEach(({ values, cursor }) => {
    cursor.setAttribute("visibility", "hidden");
    values.forEach((value) => { value.textContent = value.dataset.last; });
  });

  for (const { svg, left, right, first, last } of charts) {
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const share = Math.min(Math.max((x - left) / (right - left), 0), 1);
      show(Math.round(first + share * (last - first)));
    });
    svg.addEventListener("pointerleave", clear);
  }
})();
