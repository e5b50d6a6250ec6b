"use strict";

/* `/` goes to the search for orders, from everywhere but where somebody types. Caught before unfold's own, which
   goes to the search of the list that is shown. */
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const box = document.getElementById("find-order");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !box) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  box.focus();
  box.select();
}, { capture: true });

/* The list: tick all, and say how many are. */
document.addEventListener("change", (event) => {
  const form = event.target.closest?.(".list-form");
  if (!form) return;
  const boxes = [...form.querySelectorAll("tbody input[type=checkbox]")];
  const all = form.querySelector("#tick-all");
  if (event.target === all) boxes.forEach((box) => { box.checked = all.checked; });
  const ticked = boxes.filter((box) => box.checked).length;
  all.checked = ticked === boxes.length;
  all.indeterminate = ticked > 0 && ticked < boxes.length;
  form.querySelector("[data-ticked]").textContent = ticked === 1 ? "1 order" : `${ticked} orders`;
});

/* The address of a narrowed list names only what it is narrowed by. */
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".filters-form")) return;
  const empty = [...event.target.elements].filter((field) => field.name && !field.value);
  empty.forEach((field) => { field.disabled = true; });
  setTimeout(() => empty.forEach((field) => { field.disabled = false; }));
});

/* A menu is closed by what is clicked beside it, and by Escape. */
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

/* Whoever comes back to the list finds it as they left it: its filters, its page, and how far it was scrolled. Each
   tab remembers its own. */
const LIST = "orders-list";
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector(".list-page");
  const left = JSON.parse(sessionStorage.getItem(LIST) || "null");
  if (page) {
    const here = location.pathname + location.search;
    if (left?.address === here) scrollTo(0, left.scrolled);
    addEventListener("pagehide", () => {
      sessionStorage.setItem(LIST, JSON.stringify({ address: here, scrolled: scrollY }));
    });
  } else if (left) {
    const list = new URL(left.address, location).pathname;
    for (const link of document.querySelectorAll("#main a[href]")) {
      if (link.pathname === list && !link.search) link.href = left.address;
    }
  }
});

/* What is live is fetched anew as long as it says so; the rest of the page, and what has the focus, stays. */
const LIVE_SECONDS = 2;
async function refreshLive() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!answer) return;
  if (answer.redirected) location.reload();
  if (!answer.ok || answer.redirected) return;
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!now.querySelector("[data-live]")) document.querySelectorAll("[data-while-live]").forEach((part) => part.remove());
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = now.getElementById(part.id);
    if (newer && !part.contains(document.activeElement)) part.replaceWith(newer);
  }
}
document.addEventListener("DOMContentLoaded", async () => {
  while (document.querySelector("[data-live]")) {
    await new Promise((resolve) => setTimeout(resolve, LIVE_SECONDS * 1000));
    await refreshLive();
  }
});

/* The page of an order tells once a minute that it is looked at, and is told who else does. */
const LOOKED_AT_EVERY = 60_000;
document.addEventListener("DOMContentLoaded", () => {
  const told = document.querySelector("[data-looking]");
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (!told || !token) return;
  const body = (more) => new URLSearchParams({ csrfmiddlewaretoken: token, ...more });
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(told.dataset.looking, { method: "POST", body: body({}) }).catch(() => null);
    if (!answer?.ok || !answer.headers.get("Content-Type")?.includes("json")) return;
    const { looking } = await answer.json();
    if (told.textContent !== looking) told.textContent = looking;
  }, LOOKED_AT_EVERY);
  addEventListener("pagehide", () => navigator.sendBeacon(told.dataset.looking, body({ leaving: "1" })));
});

/* --- The pages of operations: rows that are added and taken away, products that are found while somebody types, and
   sums that follow what is typed. Everything is asked of the server; without a script the same is done by buttons. --- */

/* Calls it once nothing more has been typed for a moment. */
const afterTyping = (call, pause) => {
  let waiting;
  return (...args) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => call(...args), pause);
  };
};

document.addEventListener("DOMContentLoaded", () => {
  for (const body of document.querySelectorAll("[data-rows]")) growingRows(body);
  const form = document.querySelector("form[data-previewed]");
  if (form) liveSums(form);
});

const growingRows = (body) => {
  const panel = body.closest(".panel");
  const blank = panel.querySelector("template[data-blank-row]").content.querySelector("tr");
  const head = body.closest("table").querySelector("thead tr");
  head.insertAdjacentHTML("beforeend", '<th scope="col"><span class="unseen">Take away</span></th>');
  const numbers = () => [...body.querySelectorAll("input")].map((input) => Number(input.name.match(/^new(\d+)_/)?.[1] ?? -1));
  const withTool = (row) => {
    row.insertAdjacentHTML(
      "beforeend",
      '<td class="row-tools"><button type="button" class="row-remove" aria-label="Take this row away">×</button></td>'
    );
    return row;
  };
  const add = () => {
    const row = blank.cloneNode(true);
    const number = Math.max(-1, ...numbers()) + 1;
    for (const part of row.querySelectorAll("[name], [id], [for]")) {
      for (const name of ["name", "id", "for"]) {
        if (part.hasAttribute(name)) part.setAttribute(name, part.getAttribute(name).replace("newROW", `new${number}`));
      }
    }
    body.append(withTool(row));
    return row;
  };
  [...body.rows].forEach(withTool);
  panel.querySelector("[data-add-row]").addEventListener("click", (event) => {
    event.preventDefault();
    add().querySelector("input").focus();
  });
  body.addEventListener("click", (event) => {
    const row = event.target.closest(".row-remove") && event.target.closest("tr");
    if (!row) return;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next ?? add()).querySelector("input").focus();
    body.dispatchEvent(new Event("input", { bubbles: true }));
  });
};

const liveSums = (form) => {
  const place = document.querySelector("[data-sums]");
  let asked;
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const body = new FormData(form);
    body.set("preview", "live");
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(location.href, {
        method: "POST", body: new URLSearchParams(body), signal: asked.signal, redirect: "manual",
      });
      const isFragment = answer.type === "basic" && answer.headers.get("Content-Type")?.startsWith("text/html");
      if (isFragment && (answer.ok || answer.status === 409)) place.innerHTML = await answer.text();
      else if (answer.status === 401) place.innerHTML = '<p class="muted">You have been signed out. Send the form: what you typed is kept.</p>';
      else place.innerHTML = '<p class="muted">The sums cannot be asked for at the moment. Press Preview.</p>';
      place.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") place.innerHTML = '<p class="muted">The service does not answer at the moment.</p>';
    }
  };
  const askSoon = afterTyping(ask, 350);
  form.addEventListener("input", askSoon);
  form.addEventListener("change", askSoon);
  ask();
};

/* Only what is as new goes back on the shelf. */
const followCondition = (select) => {
  const box = select.form.elements[select.dataset.shelf];
  box.disabled = select.value !== "new";
  if (box.disabled) box.checked = false;
};
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("select[data-shelf]").forEach(followCondition);
});
document.addEventListener("change", (event) => {
  if (event.target.dataset?.shelf) followCondition(event.target);
}, { capture: true });

/* An amount that was only filled in gives way to what is chosen: then that says what it comes to. */
document.addEventListener("input", (event) => {
  const amount = event.target.form?.elements.amount;
  if (!amount || !event.target.form.matches("[data-owed]") || !/^(units_|shipping_amount)/.test(event.target.name)) return;
  if (amount.value === amount.defaultValue) amount.value = "";
}, { capture: true });

/* Beside a field that names a product: those that are known, by the arrow keys or with the mouse. */
const products = { list: null, field: null, asked: null, found: [] };

const closeProducts = () => {
  products.asked?.abort();
  products.list?.remove();
  products.field?.setAttribute("aria-expanded", "false");
  products.field?.removeAttribute("aria-activedescendant");
  Object.assign(products, { list: null, found: [] });
};

const chooseProduct = (chosen) => {
  const field = products.field;
  const row = field.name.match(/^new\d+_/)[0];
  const fill = (name, value, always) => {
    const input = field.form.elements[row + name];
    if (input && value && (always || !input.value)) input.value = value;
  };
  fill("product_id", chosen.product_id, true);
  fill("name", chosen.name, true);
  fill("unit_amount", chosen.unit_amount, false);
  fill("quantity", "1", false);
  closeProducts();
  const quantity = field.form.elements[row + "quantity"];
  quantity.focus();
  quantity.select();
  field.dispatchEvent(new Event("change", { bubbles: true }));
};

const showProducts = (field, found) => {
  closeProducts();
  if (!found.length || document.activeElement !== field) return;
  const list = document.createElement("ul");
  list.id = "found-products";
  list.className = "found-products";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Products sold here before");
  found.forEach((product, number) => {
    const option = document.createElement("li");
    option.id = `found-product-${number}`;
    option.setAttribute("role", "option");
    for (const [name, text] of [["name", product.name || product.product_id], ["id", product.product_id], ["price", product.unit_amount]]) {
      const part = document.createElement("span");
      part.className = `found-${name}`;
      part.textContent = text;
      option.append(part);
    }
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      chooseProduct(product);
    });
    list.append(option);
  });
  const at = field.getBoundingClientRect();
  Object.assign(list.style, { left: `${at.left}px`, top: `${at.bottom + 4}px` });
  document.body.append(list);
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-expanded", "true");
  field.setAttribute("aria-controls", list.id);
  Object.assign(products, { list, field, found });
};

const askForProducts = afterTyping(async (field) => {
  products.asked?.abort();
  const text = field.value.trim();
  if (text.length < 2) return closeProducts();
  products.asked = new AbortController();
  try {
    const answer = await fetch(`${field.dataset.products}?q=${encodeURIComponent(text)}`, { signal: products.asked.signal });
    if (answer.ok && !answer.redirected) showProducts(field, (await answer.json()).products);
  } catch (error) {
    if (error.name !== "AbortError") closeProducts();
  }
}, 200);

document.addEventListener("input", (event) => {
  if (event.target.dataset?.products) askForProducts(event.target);
});
document.addEventListener("focusout", (event) => {
  if (event.target === products.field) closeProducts();
});
addEventListener("scroll", () => closeProducts(), { capture: true, passive: true });
document.addEventListener("keydown", (event) => {
  if (!products.list || event.target !== products.field) return;
  const options = [...products.list.children];
  const at = options.findIndex((option) => option.ariaSelected === "true");
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move) {
    const next = options[(at + move + options.length + (at < 0 && move < 0 ? 1 : 0)) % options.length];
    options.forEach((option) => { option.ariaSelected = String(option === next); });
    event.target.setAttribute("aria-activedescendant", next.id);
    next.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter" && at >= 0) {
    chooseProduct(products.found[at]);
  } else if (event.key === "Escape") {
    closeProducts();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
});
/* --- the end of the pages of operations --- */
/* Widgets of Django's and Select2's that say nothing of themselves to those who hear a page; made on load, as well. */
addEventListener("load", () => setTimeout(() => {
  for (const hint of document.querySelectorAll("span.help-tooltip[aria-label]")) hint.setAttribute("role", "img");
  for (const field of document.querySelectorAll(".select2-search__field")) {
    const chosen = field.closest(".select2-container")?.previousElementSibling;
    field.setAttribute("aria-label", chosen?.labels?.[0]?.textContent.trim() || "Search");
  }
}));
