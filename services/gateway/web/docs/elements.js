// Elements in a word: content is text, a node, or a list of both; never markup.

export function element(name, content = "", className = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...[content].flat(Infinity));
  return made;
}

export function link(address, text) {
  const made = element("a", text);
  made.href = address;
  return made;
}

export function table(names, rows) {
  const head = element("tr", names.map((name) => {
    const cell = element("th", name);
    cell.scope = "col";
    return cell;
  }));
  const body = rows.map((row) => element("tr", row.map((cell) => element("td", cell))));
  return element("table", [element("thead", head), element("tbody", body)]);
}
