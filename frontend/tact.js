// What every page runs: Bootstrap's widgets, and our own small parts. What few pages need is loaded when one shows it.
import "@tabler/core/js/src/bootstrap/alert.ts";
import "@tabler/core/js/src/bootstrap/collapse.ts";
import "@tabler/core/js/src/bootstrap/dropdown.ts";
import "@tabler/core/js/src/bootstrap/offcanvas.ts";
import "@tabler/core/js/src/bootstrap/tab.ts";

import { watchAppearance } from "./parts/appearance.js";
import { watchConfirmations } from "./parts/confirm.js";
import { watchCopyButtons } from "./parts/copy.js";
import { watchDefaults } from "./parts/defaults.js";
import { watchInserts } from "./parts/insert.js";
import { mountIslands } from "./parts/islands.js";
import { watchKeys } from "./parts/keys.js";
import { watchTwice } from "./parts/once.js";
import { showProblems } from "./parts/problems.js";
import { watchRequests } from "./parts/requests.js";
import { watchToasts } from "./parts/toast.js";

/** Bring new markup to life: the page at first, then whatever htmx puts into it. */
function enliven(root) {
  mountIslands(root);
  showProblems(root);
  root.querySelector("[data-focus]")?.focus();
}

watchAppearance();
watchConfirmations();
watchCopyButtons();
watchDefaults();
watchInserts();
watchKeys();
watchRequests();
watchToasts();
watchTwice();
enliven(document.body);
document.addEventListener("htmx:load", (event) => {
  if (event.target !== document.body) enliven(event.target);
});
