// data-island="order" on a form whose rows (data-key) can be dragged by their grips: it sends the new order, as its
// buttons do without a mouse.
import Sortable from "sortablejs";

export function mount(form) {
  const rows = form.querySelector("ol");
  const order = form.querySelector("input[name=order]"); // disabled, so that a button's own order is sent alone
  Sortable.create(rows, {
    handle: ".order-grip",
    draggable: "[data-key]",
    ghostClass: "is-dragged",
    onEnd({ oldIndex, newIndex }) {
      if (oldIndex === newIndex) return;
      order.disabled = false;
      order.value = [...rows.querySelectorAll("[data-key]")].map((row) => row.dataset.key).join(",");
      form.requestSubmit();
    },
  });
}
