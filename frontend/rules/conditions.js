// One row of controls for each kind of condition: it reads and writes the condition's JSON in place.
import { button, el, icon, input, select, words } from "./dom.js";
import { location, near } from "./location.js";
import { box, flag, length, orMissing, time, valueFields } from "./values.js";

/** What can be added to a group: [kind, words on the button, icon, a fresh condition]. */
export const KINDS = [
  ["attribute", "About them", "user", () => ({ on: "attribute", name: "", operator: "is" })],
  ["event", "What they did", "bolt", () => ({ on: "event", name: "" })],
  ["message", "Messages", "mail", () => ({ on: "message", what: "opened" })],
  ["segment", "Segment", "users-group", () => ({ on: "segment", id: "" })],
  ["location", "Location", "map-pin", () => ({ on: "location" })],
  ["language", "Language", "language", () => ({ on: "language", operator: "is" })],
  ["local_time", "Local time", "clock", () => ({ on: "local_time", from: "09:00", to: "18:00" })],
  ["reachable", "Reachable", "send", () => ({ on: "reachable", channel: "" })],
  ["consent", "Subscription", "bell", () => ({ on: "consent", subject: "email", operator: "is_not", value: "unsubscribed", or_missing: true })],
  ["bucket", "Random share", "percentage", () => ({ on: "bucket", salt: crypto.getRandomValues(new Uint32Array(1))[0], from: 0, to: 999 })],
];

const LABELS = Object.fromEntries([...KINDS, ["near", "Location"]]);

/** The controls of a condition; null for one that this builder cannot show. */
export function conditionFields(node, context) {
  if (node.on === "near" && !Array.isArray(node.of)) return null;
  const fields = { attribute, event, message, segment, location, near, language, local_time: localTime, reachable, consent, bucket }[node.on];
  return fields ? fields(node, context) : null;
}

export const conditionLabel = (node) => LABELS[node.on] ?? "Condition";

// --- values ---------------------------------------------------------------------------------------------------------

function comparison(node, { label, names, kindsOf, suggestsOf, event = "", context }) {
  const { vocabulary, changed, redraw, datalist, suggest } = context;
  const kinds = kindsOf(node.name);
  const offered = vocabulary.operators.filter((operator) => !kinds.length || operator.kinds.some((kind) => kind === "any" || kinds.includes(kind)));
  const operator = vocabulary.operators.find(({ name }) => name === node.operator) ?? offered[0];
  // Other kinds need other controls. They are drawn while the name is typed, not when its field is left: what is being
  // entered next would vanish under the pointer.
  const name = (text) => {
    node.name = text;
    const found = kindsOf(text);
    if (found.join() === kinds.join()) return changed();
    if (found.length) settle(node, vocabulary, found);
    return redraw();
  };
  const named = input(`${label}'s name`, node.name, name, {
    list: datalist(label.toLowerCase() + event, names),
    placeholder: label.toLowerCase(),
    class: "form-control rule-name",
  });
  const choose = (name) => {
    const before = operator.shape;
    node.operator = name;
    const now = vocabulary.operators.find((one) => one.name === name).shape;
    if (now === "list" && before === "one" && node.value !== undefined) node.value = [node.value];
    else if (now === "one" && before === "list" && node.value !== undefined) [node.value] = node.value;
    else if (now !== before) delete node.value;
    if (now === "none") delete node.or_missing;
    redraw();
  };
  const known = (control) => suggestsOf(node.name) && suggest(control, node.name, event);
  return [
    named,
    select("How it is compared", offered.map(({ name, label: words }) => [name, words]), node.operator, choose, { class: "form-select rule-operator" }),
    ...valueFields({ node, shape: operator.shape, kinds, suggest: known, changed, redraw }),
    operator.shape === "none" ? null : orMissing(node, context),
  ];
}

/** After another name was chosen: an operator and a value that fit its kinds. */
function settle(node, vocabulary, kinds) {
  const fits = (operator) => !kinds.length || operator.kinds.some((kind) => kind === "any" || kinds.includes(kind));
  const current = vocabulary.operators.find(({ name }) => name === node.operator);
  if (current && fits(current)) {
    const type = typeof node.value;
    if (["string", "number", "boolean"].includes(type) && kinds.length && !kinds.includes({ string: "text" }[type] ?? type)) delete node.value;
    return;
  }
  node.operator = vocabulary.operators.find(fits).name;
  delete node.value;
}

function attribute(node, context) {
  const { attributes } = context.vocabulary;
  const find = (name) => attributes.find((one) => one.name === name);
  return comparison(node, {
    label: "Attribute",
    names: attributes.map(({ name, label }) => [name, label]),
    kindsOf: (name) => find(name)?.kinds ?? [],
    suggestsOf: (name) => find(name)?.suggests ?? true,
    context,
  });
}

function property(node, of, context) {
  const properties = context.vocabulary.events.find(({ name }) => name === of)?.properties ?? {};
  return comparison(node, {
    label: "Property",
    names: Object.keys(properties).map((name) => [name, ""]),
    kindsOf: (name) => properties[name] ?? [],
    suggestsOf: () => true,
    event: of,
    context,
  });
}

// --- events ---------------------------------------------------------------------------------------------------------

const OFTEN = [
  ["", "at least once"],
  ["at_least", "at least"],
  ["at_most", "at most"],
  ["exactly", "exactly"],
  ["first", "for the first time"],
  ["last", "for the last time"],
];
const COUNTED = OFTEN.filter(([key]) => key !== "first" && key !== "last");
const WHEN = [["", "ever"], ["within", "in the last"], ["between", "between"], ["from", "since"], ["to", "until"]];

function event(node, context) {
  const { vocabulary, changed, redraw, datalist } = context;
  const propertiesOf = (name) => vocabulary.events.find((one) => one.name === name)?.properties;
  const named = (text) => {
    const others = propertiesOf(text) !== propertiesOf(node.name);
    node.name = text;
    return others && node.where ? redraw() : changed();
  };
  return [
    whether(node, "did", "did not do", context),
    input("Event's name", node.name, named, {
      list: datalist("events", vocabulary.events.map(({ name, label }) => [name, label])),
      placeholder: "event",
      class: "form-control rule-name",
    }),
    ...often(node, OFTEN, context),
    ...happened(node, context),
    where(node, context),
  ];
}

function whether(node, yes, no, { changed }) {
  const choose = (chosen) => {
    if (chosen === "did") delete node.did;
    else node.did = false;
    changed();
  };
  return select("Whether they did it", [["did", yes], ["not", no]], node.did === false ? "not" : "did", choose, { class: "form-select rule-did" });
}

function often(node, choices, { changed, redraw }) {
  if (node.at_least !== undefined && node.at_most !== undefined) {
    return [words(`between ${node.at_least} and ${node.at_most} times`)];
  }
  const current = node.which ?? ["at_least", "at_most", "exactly"].find((key) => node[key] !== undefined) ?? "";
  const choose = (chosen) => {
    const number = node[current];
    for (const key of ["at_least", "at_most", "exactly", "which"]) delete node[key];
    if (chosen === "first" || chosen === "last") node.which = chosen;
    else if (chosen) node[chosen] = number ?? (chosen === "at_least" ? 2 : 1);
    redraw();
  };
  const fields = [select("How often", choices, current, choose, { class: "form-select rule-often" })];
  if (["at_least", "at_most", "exactly"].includes(current)) {
    const count = (text) => {
      node[current] = text === "" ? 0 : Math.round(Number(text));
      changed();
    };
    fields.push(input("How many times", node[current], count, { type: "number", min: current === "at_least" ? "1" : "0", max: "500", step: "1", class: "form-control rule-number" }), words("times"));
  }
  return fields;
}

function happened(node, { changed, redraw }) {
  const keys = ["within", "from", "to"].filter((key) => node[key] !== undefined);
  const current = keys.length > 1 ? "between" : (keys[0] ?? "");
  const choose = (chosen) => {
    for (const key of ["within", "from", "to"]) delete node[key];
    if (chosen === "within") node.within = { days: 30 };
    if (chosen === "from" || chosen === "between") node.from = "";
    if (chosen === "to" || chosen === "between") node.to = "";
    redraw();
  };
  const put = (key, nothing) => (value) => {
    node[key] = value ?? nothing;
    changed();
  };
  const fields = {
    "": () => [],
    within: () => length(node.within ?? {}, put("within", {})),
    from: () => [time("Since", node.from, put("from", ""))],
    to: () => [time("Until", node.to, put("to", ""))],
    between: () => [time("From", node.from, put("from", "")), words("and"), time("To", node.to, put("to", ""))],
  };
  return [select("When", WHEN, current, choose, { class: "form-select rule-when" }), ...fields[current]()];
}

/** The properties that one such event must have, a line each. */
function where(node, context) {
  const { redraw, path } = context;
  const lines = (node.where ?? []).map((one, at) => {
    const remove = () => {
      node.where.splice(at, 1);
      if (!node.where.length) delete node.where;
      redraw(`[data-path="${path}"] .rule-where-add`);
    };
    const fields = one.on === "property" ? property(one, node.name, context) : [asJson(one)];
    return el(
      "div",
      { class: "rule-where", role: "group", "aria-label": `Property ${at + 1}`, "data-path": `${path}.where[${at}]` },
      el("div", { class: "rule-fields" }, words(at ? "and" : "where"), fields),
      button("Remove this property", "x", remove),
    );
  });
  const add = () => {
    node.where = [...(node.where ?? []), { on: "property", name: "", operator: "is" }];
    redraw(`[data-path="${path}.where[${node.where.length - 1}]"] input`);
  };
  const more = el("button", { type: "button", class: "btn btn-sm btn-ghost-secondary rule-where-add", onClick: add }, icon("plus"), lines.length ? "and where…" : "where…");
  return el("div", { class: "rule-wheres" }, lines, more);
}

// --- messages -------------------------------------------------------------------------------------------------------

function message(node, context) {
  const { changed, redraw } = context;
  const { deeds, channels, campaigns } = context.vocabulary.messages;
  const put = (key, act) => (value) => {
    if (value) node[key] = value;
    else delete node[key];
    act();
  };
  const what = (chosen) => {
    node.what = chosen;
    if (chosen === "ignored") node.unopened_for = { days: 3 };
    else delete node.unopened_for;
    redraw();
  };
  const campaign = (chosen) => {
    delete node.variant;
    put("campaign", redraw)(chosen);
  };
  const variants = campaigns.find(({ id }) => id === node.campaign)?.variants ?? [];
  return [
    whether(node, "has", "has not", context),
    select("What they did with it", deeds, node.what, what, { class: "form-select rule-operator" }),
    select("Campaign", [["", "any message"], ...campaigns.map(({ id, name }) => [id, name])], node.campaign, campaign, { class: "form-select rule-name" }),
    variants.length > 1 || node.variant
      ? select("Variant", [["", "any variant"], ...variants.map(([key, name]) => [key, `variant ${name}`])], node.variant, put("variant", changed))
      : null,
    channels.length > 1 || node.channel
      ? select("Channel", [["", "on any channel"], ...channels.map(([kind, label]) => [kind, `by ${label}`])], node.channel, put("channel", changed))
      : null,
    ...(node.what === "ignored" ? [words("for"), ...length(node.unopened_for ?? {}, put("unopened_for", changed))] : []),
    ...often(node, COUNTED, context),
    ...happened(node, context),
  ];
}

// --- the others -----------------------------------------------------------------------------------------------------

function segment(node, { vocabulary, changed }) {
  const choose = (chosen) => {
    if (chosen === "in") delete node.in;
    else node.in = false;
    changed();
  };
  const segments = [["", vocabulary.segments.length ? "choose a segment" : "there is no other segment yet"], ...vocabulary.segments.map(({ id, name }) => [id, name])];
  return [
    select("Whether they are in it", [["in", "is in the segment"], ["out", "is not in the segment"]], node.in === false ? "out" : "in", choose),
    select("Segment", segments, node.id, (id) => ((node.id = id), changed()), { class: "form-select rule-name" }),
  ];
}

const SPEAKS = [["is", "speaks"], ["is_not", "does not speak"], ["is_one_of", "speaks one of"], ["is_none_of", "speaks none of"]];
const takesList = (operator) => ["is_one_of", "is_none_of"].includes(operator);

function language(node, context) {
  const { vocabulary, changed, redraw, datalist } = context;
  const choose = (operator) => {
    if (takesList(operator) && typeof node.value === "string") node.value = [node.value];
    if (!takesList(operator) && Array.isArray(node.value)) [node.value] = node.value;
    node.operator = operator;
    redraw();
  };
  const suggest = (control) => control.setAttribute("list", datalist("languages", vocabulary.languages));
  return [
    select("Whether they speak it", SPEAKS, node.operator, choose, { class: "form-select rule-operator" }),
    ...valueFields({ node, shape: takesList(node.operator) ? "list" : "one", kinds: ["text"], suggest, changed, redraw }),
    flag(node, "exactly", "exactly", context),
    orMissing(node, context),
  ];
}

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/** Hours, days or both; what is left empty does not count. */
function localTime(node, { changed }) {
  const clock = (label, key) =>
    input(label, node[key], (text) => {
      if (text) node[key] = text;
      else delete node[key];
      changed();
    }, { type: "time", class: "form-control rule-time" });
  const day = (name) =>
    box(name[0].toUpperCase() + name.slice(1, 3), node.weekdays?.includes(name) ?? false, (isChecked) => {
      const chosen = DAYS.filter((one) => (one === name ? isChecked : node.weekdays?.includes(one)));
      if (chosen.length) node.weekdays = chosen;
      else delete node.weekdays;
      changed();
    });
  return [
    words("for whom it is now between"),
    clock("From", "from"),
    words("and"),
    clock("To", "to"),
    words("on"),
    el("div", { class: "rule-days", role: "group", "aria-label": "Weekdays, none for any" }, DAYS.map(day)),
  ];
}

function reachable(node, { vocabulary, changed }) {
  const whether = (chosen) => {
    if (chosen === "can") delete node.is;
    else node.is = false;
    changed();
  };
  const channels = vocabulary.messages.channels.map(([kind, label]) => [kind, `by ${label}`]);
  return [
    select("Whether they can be reached", [["can", "can be reached"], ["cannot", "cannot be reached"]], node.is === false ? "cannot" : "can", whether),
    select("Channel", [["", "on any channel"], ...channels], node.channel, (kind) => ((node.channel = kind), changed())),
  ];
}

function consent(node, context) {
  const { vocabulary, changed, redraw, datalist } = context;
  const choices = [
    ...vocabulary.standings.map(([value, label]) => [`is ${value}`, `has said: ${label.toLowerCase()}`]),
    ...vocabulary.standings.map(([value, label]) => [`is_not ${value}`, `has not said: ${label.toLowerCase()}`]),
    ["exists", "has said something"],
    ["is_missing", "has said nothing"],
  ];
  const current = node.value === undefined ? node.operator : `${node.operator} ${node.value}`;
  const choose = (chosen) => {
    const [operator, value] = chosen.split(" ");
    node.operator = operator;
    if (value) node.value = value;
    else {
      delete node.value;
      delete node.or_missing;
    }
    redraw();
  };
  return [
    select("What they said", choices, current, choose, { class: "form-select rule-operator" }),
    words("about"),
    input("Channel or topic", node.subject, (text) => ((node.subject = text), changed()), {
      list: datalist("subjects", [...vocabulary.messages.channels, ["topic:", "A topic of yours"]]),
      placeholder: "email",
      class: "form-control rule-name",
    }),
    node.value === undefined ? null : orMissing(node, context),
  ];
}

function bucket(node, { changed }) {
  const percent = (key, shift) => (text) => {
    node[key] = Math.min(9999, Math.max(0, Math.round(Number(text) * 100) + shift));
    changed();
  };
  const field = (label, value, onInput) => input(label, value, onInput, { type: "number", min: "0", max: "100", step: "0.01", class: "form-control rule-number" });
  return [
    words("is in the random share from"),
    field("From, in percent", node.from / 100, percent("from", 0)),
    words("to"),
    field("To, in percent", (node.to + 1) / 100, percent("to", -1)),
    words("percent"),
  ];
}

/** What the builder has no controls for is shown, and kept as it is. */
export function asJson(node) {
  return el("code", { class: "rule-json" }, JSON.stringify(node));
}
