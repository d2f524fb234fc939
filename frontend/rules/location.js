// Where somebody was last: in cities, regions and countries, or near points and places. One select leads from one to the other.
import { button, el, icon, input, select, words } from "./dom.js";
import { chips, orMissing } from "./values.js";

const WHERE = [["in", "is in"], ["out", "is not in"], ["near", "is near"], ["far", "is near none of"]];

/** Which of both kinds of location it is, and whether or not. */
function whereabouts(node, { redraw, vocabulary }) {
  const isNear = node.on === "near";
  const choose = (chosen) => {
    const { or_missing, ...before } = node;
    for (const key of Object.keys(node)) delete node[key];
    if (chosen === "near" || chosen === "far") {
      const points = isNear ? before.of : [vocabulary.places.length ? { place: vocabulary.places[0][0] } : {}];
      Object.assign(node, { on: "near", of: points }, before.within_km || !points[0].place ? { within_km: before.within_km ?? 5 } : {}, chosen === "far" ? { is: false } : {});
    } else Object.assign(node, { on: "location" }, isNear ? {} : before, chosen === "out" ? { in: false } : {});
    if (chosen === "in") delete node.in;
    if (or_missing) node.or_missing = true;
    redraw();
  };
  const current = isNear ? (node.is === false ? "far" : "near") : node.in === false ? "out" : "in";
  return select("How they are there", WHERE, current, choose, { class: "form-select rule-operator" });
}

export function location(node, context) {
  const { vocabulary, changed, datalist, suggest } = context;
  const offered = {
    city: (control) => suggest(control, "city"),
    region: (control) => suggest(control, "region"),
    country: (control) => control.setAttribute("list", datalist("countries", vocabulary.countries)),
  };
  const level = (key) => chips(node, ["text"], offered[key], changed, key, key);
  return [whereabouts(node, context), level("city"), words("in"), level("region"), words("in"), level("country"), orMissing(node, context)];
}

export function near(node, context) {
  const { vocabulary, changed, redraw, path } = context;
  const needsDistance = node.of.some((point) => !point.place);
  const within = (text) => {
    if (Number(text) > 0) node.within_km = Number(text);
    else delete node.within_km;
    changed();
  };
  const point = (one, at) => {
    const choose = (chosen) => {
      node.of[at] = chosen ? { place: chosen } : {};
      if (!chosen) node.within_km ??= 5;
      redraw();
    };
    const degrees = (key, label) =>
      input(label, one[key], (text) => {
        const number = Number(text.replace(",", "."));
        if (text.trim() === "" || !Number.isFinite(number)) delete one[key];
        else one[key] = number;
        changed();
      }, { inputmode: "decimal", placeholder: label.toLowerCase(), class: "form-control rule-degrees" });
    const remove = () => {
      node.of.splice(at, 1);
      redraw(`[data-path="${path}"] .rule-where-add`);
    };
    return el(
      "div",
      { class: "rule-where", role: "group", "aria-label": `Point ${at + 1}`, "data-path": `${path}.of[${at}]` },
      el(
        "div",
        { class: "rule-fields" },
        words(at ? "or" : "of"),
        select("Place", [...vocabulary.places, ["", "a point"]], one.place ?? "", choose, { class: "form-select rule-name" }),
        one.place ? null : [degrees("latitude", "Latitude"), degrees("longitude", "Longitude")],
      ),
      node.of.length > 1 ? button("Remove this point", "x", remove) : null,
    );
  };
  const add = () => {
    node.of.push(vocabulary.places.length ? { place: vocabulary.places[0][0] } : {});
    redraw(`[data-path="${path}.of[${node.of.length - 1}]"] select`);
  };
  return [
    whereabouts(node, context),
    words("within"),
    input("Kilometres", node.within_km, within, { type: "number", min: "0.001", step: "any", placeholder: needsDistance ? "5" : "its size", class: "form-control rule-number rule-km" }),
    words("km"),
    orMissing(node, context),
    el(
      "div",
      { class: "rule-wheres" },
      node.of.map(point),
      el("button", { type: "button", class: "btn btn-sm btn-ghost-secondary rule-where-add", onClick: add }, icon("plus"), "or…"),
    ),
  ];
}
