// What a person with a keyboard, a screen reader or poor sight would stumble over on this page, in words.
() => {
  const faults = [];
  const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[aria-hidden=true]");
  const told = (node) => `${node.localName}${node.id ? "#" + node.id : ""} "${(node.textContent || "").trim().slice(0, 40)}"`;
  const all = (selector) => [...document.querySelectorAll(selector)];

  if (!document.documentElement.lang) faults.push("the page has no language");
  if (!document.title) faults.push("the page has no title");
  for (const [name, selector] of [["banner", "body > header"], ["navigation", "header nav"], ["main", "main"]]) {
    if (all(selector).length !== 1) faults.push(`${all(selector).length} landmarks ${name}`);
  }
  const skip = document.querySelector("a.skip");
  if (!skip || !document.querySelector(skip.getAttribute("href"))) faults.push("no link past the head");

  // headings: one first, and no level left out on the way down
  const levels = all("h1,h2,h3,h4").map((heading) => Number(heading.localName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push(`${levels.filter((l) => l === 1).length} h1`);
  levels.reduce((before, level) => {
    if (level > before + 1) faults.push(`h${level} follows h${before}`);
    return level;
  }, 0);

  const ids = all("[id]").map((node) => node.id);
  ids.filter((id, place) => ids.indexOf(id) !== place).forEach((id) => faults.push(`id ${id} twice`));
  for (const node of all("[aria-labelledby],[aria-describedby],[aria-controls],label[for]")) {
    for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
      for (const id of (node.getAttribute(name) ?? "").split(" ").filter(Boolean)) {
        if (!document.getElementById(id)) faults.push(`${told(node)} points at ${id}, which is not there`);
      }
    }
  }

  // names: whatever is pressed, filled in or looked at
  for (const node of all("a[href],button,select,input:not([type=hidden]),textarea,[role=group],[role=log],nav ~ nav")) {
    if (!node.checkVisibility()) continue;
    const by = (node.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent);
    const name = node.getAttribute("aria-label") || by.join("") || node.labels?.[0]?.textContent || node.textContent
      || node.querySelector("img[alt]")?.alt;
    if (!name?.trim()) faults.push(`${told(node)} has no name`);
  }
  for (const image of all("img")) if (!image.hasAttribute("alt")) faults.push(`${image.src} has no text`);
  for (const svg of all("svg")) {
    if (!svg.closest("[aria-hidden=true],[role=img]")) faults.push("a drawing is neither named nor hidden");
  }
  for (const head of all("th")) if (!head.scope) faults.push(`${told(head)} has no scope`);
  for (const table of all("table")) if (!table.querySelector("th")) faults.push(`${told(table)} has no headers`);
  for (const box of all("*")) {
    if (box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX)) {
      if (box.tabIndex < 0 && !box.querySelector("a[href],button,input")) faults.push(`${told(box)} scrolls by mouse alone`);
    }
  }

  // contrast, WCAG 2.2 AA: 4.5 : 1, of large text 3 : 1
  const parts = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((part, place) => part * a + below[place] * (1 - a));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.unshift(parts(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, layer) => (layer.length ? over(layer, below) : below), [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(node) || /^(SCRIPT|NOSCRIPT|OPTION)$/.test(node.nodeName)) continue;
    const style = getComputedStyle(node), below = ground(node);
    const [a, b] = [light(over(parts(style.color), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)} of ${told(node)}`);
  }
  return [...new Set(faults)];
}
