// Builds static/dist/ from frontend/ and the npm packages. The result asks no other host, or the build fails.
// Run it with `python -m config.frontend`, which also finds Node and installs the packages; --dev adds source maps.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { feature, mesh } from "topojson-client";

const here = path.dirname(fileURLToPath(import.meta.url));
const option = (name, otherwise) => process.argv.find((word) => word.startsWith(`--${name}=`))?.split("=")[1] ?? otherwise;
const out = path.resolve(option("out", path.join(here, "..", "static", "dist")));
const dev = process.argv.includes("--dev");

const shared = {
  bundle: true,
  minify: !dev,
  sourcemap: dev,
  outdir: out,
  target: ["es2022"],
  legalComments: "external", // licences of what is bundled stay beside it
  logLevel: "warning",
};

/** The pages' module with what it loads on demand, the style sheet, and the script that runs before first paint. */
async function bundle() {
  await esbuild.build({
    ...shared,
    entryPoints: [path.join(here, "tact.js"), path.join(here, "tact.css")],
    format: "esm",
    splitting: true,
    chunkNames: "[name]-[hash]",
  });
  await esbuild.build({ ...shared, entryPoints: [path.join(here, "theme.js")], format: "iife" });
}

/** One SVG of all icons that icons.txt names, each a <symbol> for <use href="icons.svg#name">. */
async function sprite() {
  const names = (await readFile(path.join(here, "icons.txt"), "utf8"))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  const symbols = await Promise.all(names.map(symbol));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  await writeFile(path.join(out, "icons.svg"), svg);
}

async function symbol(name) {
  const file = path.join(here, "..", "node_modules", "@tabler", "icons", "icons", "outline", `${name}.svg`);
  const source = await readFile(file, "utf8").catch(() => {
    throw new Error(`icons.txt names "${name}", which is no Tabler outline icon.`);
  });
  const shapes = source.replace(/^[\s\S]*?<svg[^>]*>/, "").replace("</svg>", "").replace(/<path stroke="none"[^>]*>/, "");
  return (
    `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" ` +
    `stroke-linejoin="round">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`
  );
}

/** Land and borders as SVG paths in hundredths of a degree, north up, for <use> behind what lies on Earth. */
async function world(scale) {
  const source = path.join(here, "..", "node_modules", "world-atlas");
  const topology = JSON.parse(await readFile(path.join(source, `countries-${scale}.json`), "utf8"));
  const land = feature(topology, topology.objects.land).features.flatMap((each) => each.geometry.coordinates.flat());
  const borders = mesh(topology, topology.objects.countries, (one, other) => one !== other).coordinates;
  const svg =
    `<!-- Natural Earth, public domain, as world-atlas has it:\n${await readFile(path.join(source, "LICENSE"), "utf8")}-->\n` +
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-18000 -9000 36000 18000">\n` +
    `<path id="land" d="${land.flatMap(atBothEdges).map((ring) => `${line(ring)}z`).join("")}"/>\n` +
    `<path id="borders" d="${borders.map(line).join("")}" fill="none" vector-effect="non-scaling-stroke"/>\n</svg>\n`;
  await writeFile(path.join(out, `world-${scale}.svg`), svg);
}

/** A ring as it is or, where it crosses the date line, unrolled past both edges of the map; one about a pole reaches it. */
function atBothEdges(ring) {
  let turns = 0;
  const unrolled = ring.map(([east, north], at) => {
    if (at) turns -= Math.round((east - ring[at - 1][0]) / 360);
    return [east + turns * 360, north];
  });
  if (turns) unrolled.push([unrolled.at(-1)[0], -90], [unrolled[0][0], -90]); // Antarctica
  const shifts = [-360, 0, 360].filter((shift) => unrolled.some(([east]) => Math.abs(east + shift) < 180));
  return shifts.map((shift) => unrolled.map(([east, north]) => [east + shift, north]));
}

/** Points of longitude and latitude as the steps of a path, those left out that lead nowhere. */
function line(points) {
  const [first, ...others] = points.map(([east, north]) => [Math.round(east * 100), -Math.round(north * 100)]);
  let [x, y] = first;
  const steps = [];
  for (const [nextX, nextY] of others) {
    if (nextX !== x || nextY !== y) steps.push(`${nextX - x} ${nextY - y}`);
    [x, y] = [nextX, nextY];
  }
  return `M${first.join(" ")}l${steps.join(" ")}`.replaceAll(" -", "-");
}

const NEVER_FETCHED = [
  "http://www.w3.org/", // names of vocabularies
  "https://popper.js.org/docs/v2/", // in the words of an error that Bootstrap raises
];

/** Every address in the built text that a browser could ask and that is not ours. */
function foreign(name, text) {
  const found = (text.match(/(https?|wss?):\/\/[^\s"'`)\\<>]+/g) ?? []).filter((url) => !NEVER_FETCHED.some((start) => url.startsWith(start)));
  if (!name.endsWith(".css")) return found;
  const urls = [...text.matchAll(/url\(\s*["']?([^"')]*)/g)].map((match) => match[1]);
  return found.concat(text.match(/@import[^;]*/g) ?? [], urls.filter((url) => !/^(data:|#)/.test(url)));
}

async function refuseForeignHosts() {
  const names = (await readdir(out)).filter((name) => /\.(css|js|svg)$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(path.join(out, name), "utf8")));
  const problems = names.flatMap((name, at) => foreign(name, texts[at]).map((url) => `${name}: ${url}`));
  if (problems.length) throw new Error(`The pages would ask other hosts:\n  ${problems.join("\n  ")}`);
}

try {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await bundle();
  await sprite();
  await Promise.all(["110m", "50m"].map(world)); // at 1:110 million and 1:50 million
  await refuseForeignHosts();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
