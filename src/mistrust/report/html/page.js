"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const get = (id) => document.getElementById(id);
  const page = JSON.parse(get("data").textContent);
  const words = page.words;

  /** An element from its text and children; text is never taken for markup. */
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") element.className = value;
      else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const many = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;

  /* Findings: the order of a row's numbers is that of data.py. */
  const findings = page.rows.map((row) => {
    const [rule, id, severity, layer, title, subject, detail, object] = row.map((n) => words[n]);
    const accepted = row[9] < 0 ? null : page.accepted[row[9]];
    const evidence = row[10].map(([ref, file, line, field, value]) => ({
      ref: words[ref], place: place(words[file], line), field: words[field], value: words[value],
    }));
    const patches = row[11].map(([ref, file, line, lines]) => ({
      ref: words[ref], place: place(words[file], line), lines: words[lines].split("\n"),
    }));
    const name = `${rule}-${row[1]}`;
    const where = (evidence.find((e) => e.place) || { place: "" }).place;
    const text = [name, severity, title, subject, detail, object, where].join("\n").toLowerCase();
    return { rule, id: name, severity, layer, title, subject, detail, object, paths: row[8], accepted, evidence, patches, where, text };
  });
  function place(file, line) {
    return file && line ? `${file}:${line}` : file;
  }

  /* The filter, which is also the page's address: #findings?severity=critical,high&rule=...&q=... */
  const SEVERITIES = ["critical", "high", "medium", "low"];
  const state = { q: "", severity: new Set(), rule: "", layer: "", status: "open" };
  const STEP = 50;
  let limit = STEP;

  const passes = (f) =>
    (state.status === "all" || (state.status === "accepted") === (f.accepted !== null)) &&
    (!state.severity.size || state.severity.has(f.severity)) &&
    (!state.rule || f.rule === state.rule) &&
    (!state.layer || f.layer === state.layer) &&
    state.q.toLowerCase().split(/\s+/).every((word) => f.text.includes(word));

  const address = () => {
    const parts = new URLSearchParams();
    if (state.severity.size) parts.set("severity", [...state.severity].join(","));
    for (const key of ["rule", "layer", "q"]) if (state[key]) parts.set(key, state[key]);
    if (state.status !== "open") parts.set("status", state.status);
    const query = parts.toString();
    return query ? `#findings?${query}` : "#findings";
  };

  const search = make("input", { type: "search", placeholder: "Search: object, rule, file, words ( / )", "aria-label": "search findings" });
  const buttons = SEVERITIES.map((severity) => {
    const total = findings.filter((f) => f.severity === severity && !f.accepted).length;
    return make("button", { type: "button", class: severity, "data-severity": severity, "aria-pressed": "false" }, `${severity} ${total.toLocaleString("en")}`);
  });
  const select = (label, key, values) => {
    const element = make("select", { "aria-label": label }, make("option", { value: "" }, label));
    element.append(...values.map((value) => make("option", { value }, value)));
    element.addEventListener("change", () => change({ [key]: element.value }));
    return element;
  };
  const distinct = (key) => [...new Set(findings.map((f) => f[key]))].sort();
  const rule = select("every rule", "rule", distinct("rule"));
  const layer = select("every layer", "layer", distinct("layer"));
  const status = make("select", { "aria-label": "status" }, ...[["open", "open"], ["accepted", "accepted"], ["all", "open and accepted"]]
    .map(([value, label]) => make("option", { value }, label)));
  const clear = make("button", { type: "button" }, "Clear");
  get("filters").append(search, ...buttons, rule, layer, status, clear);

  const change = (next) => {
    Object.assign(state, next);
    limit = STEP;
    history.replaceState(null, "", address());
    show();
  };
  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ q: search.value.trim() }), 120);
  });
  for (const button of buttons) button.addEventListener("click", () => {
    const severity = new Set(state.severity);
    if (!severity.delete(button.dataset.severity)) severity.add(button.dataset.severity);
    change({ severity });
  });
  status.addEventListener("change", () => change({ status: status.value }));
  clear.addEventListener("click", () => change({ q: "", severity: new Set(), rule: "", layer: "", status: "open" }));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });

  const show = (open = "") => {
    if (document.activeElement !== search) search.value = state.q;
    for (const button of buttons) button.setAttribute("aria-pressed", String(state.severity.has(button.dataset.severity)));
    rule.value = state.rule;
    layer.value = state.layer;
    status.value = state.status;
    const found = findings.filter(passes);
    get("shown").textContent = found.length > limit
      ? `${many(found.length, "finding")}, the first ${limit} are shown`
      : many(found.length, "finding");
    const list = found.slice(0, limit).map(summary);
    if (found.length > limit) {
      const more = make("button", { type: "button", class: "more" }, `Show ${Math.min(found.length - limit, STEP * 2)} more`);
      more.addEventListener("click", () => { limit += STEP * 2; show(); });
      list.push(more);
    }
    get("list").replaceChildren(...list);
    if (open && list.length && list[0].open !== undefined) list[0].open = true;
  };

  const summary = (f) => {
    const on = f.paths ? make("span", { class: "on" }, ` on ${many(f.paths, "path")}`) : null;
    const details = make("details", { class: "finding", "data-id": f.id },
      make("summary", {},
        make("span", { class: `severity ${f.severity}` }, f.severity),
        make("span", { class: "subject" }, f.subject, on),
        make("span", {}, f.title, f.detail ? make("div", { class: "hint" }, f.detail) : null),
        make("span", { class: "where file" }, f.where)));
    details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(body(f)); });
    return details;
  };

  const body = (f) => {
    const list = make("dl");
    const add = (term, ...what) => list.append(make("dt", {}, term), make("dd", {}, ...what));
    add("what", make("p", {}, f.detail || f.title), make("p", { class: "hint" }, f.object));
    if (f.evidence.length) add("rests on", ...f.evidence.map((e) => make("p", {},
      e.place ? make("span", { class: "file" }, `${e.place}  `) : null, `${e.ref} `,
      e.field || e.value ? make("code", {}, [e.field, e.value].filter(Boolean).join(": ")) : null)));
    if (f.paths) add("paths", make("a", { href: "#paths" }, many(f.paths, "attack path")));
    if (f.patches.length) add("patch", ...f.patches.flatMap((p) => [
      make("div", { class: "file" }, [p.ref, p.place].filter(Boolean).join("  ")), patch(p.lines)]));
    else add("patch", make("span", { class: "hint" }, "needs a person's decision"));
    const entry = get(`entry-${f.rule}`);
    if (entry) add("why", entry.querySelector(".prose").cloneNode(true));
    if (f.accepted) {
      const [reason, owner, until] = f.accepted;
      add("accepted", make("p", {}, `${reason} (${owner}, until ${until})`));
    } else {
      add("accept", make("p", { class: "hint" }, "in mistrust.toml"), make("pre", { class: "all" }, page.accept.replace("{id}", f.id)));
    }
    add("id", make("a", { href: `#${f.id}` }, f.id), " ", make("code", { class: "all" }, `mistrust explain ${f.id} ${page.source}`));
    return make("div", { class: "body" }, list);
  };

  const patch = (lines) => {
    const kinds = { "+": "added", "-": "removed" };
    const pre = make("pre", { class: "patch" });
    lines.forEach((line, i) => {
      if (i) pre.append("\n");
      pre.append(kinds[line[0]] ? make("span", { class: kinds[line[0]] }, line) : line);
    });
    return pre;
  };

  /* Changes: what only ticked changes cut fades. */
  const ways = [...document.querySelectorAll("tr[data-cut]")].map((row) => ({
    row, number: row.dataset.paths, cut: row.dataset.cut.split(" ").filter(Boolean),
  }));
  const drawn = [...document.querySelectorAll("svg [data-paths]")];
  const boxes = [...document.querySelectorAll("input.change")];
  const tally = document.querySelector(".tally");
  const fade = () => {
    const ticked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const gone = new Set(ways.filter((way) => way.cut.some((c) => ticked.has(c))).map((way) => way.number));
    for (const way of ways) way.row.classList.toggle("gone", gone.has(way.number));
    for (const element of drawn) element.classList.toggle("gone", element.dataset.paths.split(" ").every((p) => gone.has(p)));
    for (const box of boxes) box.closest("li").classList.toggle("done", box.checked);
    tally.textContent = ticked.size ? `${many(ticked.size, "change")} ticked: ${gone.size} of ${many(ways.length, "listed path")} cut` : "";
  };
  const light = (number) => {
    const lit = new Set(number === null ? [] : ways.filter((way) => way.cut.includes(number)).map((way) => way.number));
    for (const element of drawn) element.classList.toggle("lit", element.dataset.paths.split(" ").some((p) => lit.has(p)));
  };
  for (const box of boxes) {
    const item = box.closest("li");
    box.addEventListener("change", fade);
    item.addEventListener("pointerenter", () => light(box.value));
    item.addEventListener("focusin", () => light(box.value));
    item.addEventListener("pointerleave", () => light(null));
    item.addEventListener("focusout", () => light(null));
  }

  /* The map: pointing at a box or a flow tells what it is, and fades everything else. */
  for (const picture of document.querySelectorAll("svg.map:not(.sample)")) {
    const flows = [...picture.querySelectorAll(".flow")];
    const places = new Map([...picture.querySelectorAll("[data-n]")].map((box) => [box.dataset.n, []]));
    for (const box of picture.querySelectorAll("[data-n]")) places.get(box.dataset.n).push(box);
    const told = picture.closest("figure").querySelector(".told");
    const hint = told.textContent;
    const title = (element) => element.querySelector("title").textContent;
    const point = (element) => {
      for (const lit of picture.querySelectorAll(".lit")) lit.classList.remove("lit");
      picture.classList.toggle("pointed", element !== null);
      if (!element) { told.textContent = hint; return; }
      const n = element.dataset.n;
      const near = n === undefined ? [element] : flows.filter((flow) => flow.dataset.a === n || flow.dataset.b === n);
      for (const flow of near) for (const lit of [flow, ...places.get(flow.dataset.a), ...places.get(flow.dataset.b)]) lit.classList.add("lit");
      for (const box of n === undefined ? [] : places.get(n)) box.classList.add("lit");
      const lines = near.slice(0, 6).map(title);
      told.textContent = (n === undefined ? lines : [title(element), ...lines, ...(near.length > 6 ? [`and ${near.length - 6} more`] : [])]).join("\n");
    };
    const find = (event) => event.target.closest(".flow, [data-n]");
    picture.addEventListener("pointerover", (event) => point(find(event)));
    picture.addEventListener("pointerleave", () => point(null));
    picture.parentElement.addEventListener("focusin", (event) => point(find(event)));
    picture.parentElement.addEventListener("focusout", () => point(null));
  }

  /* What the map says in words, searched: rows of all namespaces. */
  const seek = get("seek");
  if (seek) {
    const places = [...document.querySelectorAll("details.place")].map((place) => ({
      place, name: place.querySelector(".subject").textContent.toLowerCase(),
      rows: [...place.querySelectorAll(".links tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
    }));
    const sift = () => {
      const wanted = seek.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const holds = (text) => wanted.every((word) => text.includes(word));
      let named = 0, found = 0;
      for (const { place, name, rows } of places) {
        const whole = holds(name);
        let here = 0;
        for (const { row, text } of rows) {
          const hit = whole || holds(`${name} ${text}`);
          row.hidden = !hit;
          here += hit;
        }
        place.hidden = !whole && !here;
        named += !place.hidden;
        found += here;
      }
      get("sought").textContent = wanted.length ? `${many(named, "namespace")}, ${many(found, "row")}` : "";
    };
    let waiting = 0;
    seek.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(sift, 120); });
  }

  /* Addresses */
  const arrive = () => {
    const hash = decodeURIComponent(location.hash.slice(1).replace(/\+/g, " "));
    const [target, query = ""] = hash.split(/\?(.*)/s);
    if (target === "findings") {
      const parts = new URLSearchParams(location.hash.split(/\?(.*)/s)[1] || "");
      Object.assign(state, {
        q: parts.get("q") || "", rule: parts.get("rule") || "", layer: parts.get("layer") || "", status: parts.get("status") || "open",
        severity: new Set((parts.get("severity") || "").split(",").filter((s) => SEVERITIES.includes(s))),
      });
      limit = STEP;
      show();
      if (query) get("filters").scrollIntoView();
      else get("findings").scrollIntoView();
      return;
    }
    const finding = findings.find((f) => f.id === target);
    if (finding) {
      Object.assign(state, { q: finding.id, rule: "", layer: "", status: "all", severity: new Set() });
      show(finding.id);
      get("filters").scrollIntoView();
      return;
    }
    const element = get(target);
    for (let d = element && element.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    if (element) element.scrollIntoView();
  };
  addEventListener("hashchange", arrive);
  get("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  addEventListener("beforeprint", () => { limit = 500; show(); });
  show();
  if (location.hash) arrive();
})();
