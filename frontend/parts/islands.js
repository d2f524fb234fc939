// An element with data-island="name" gets mount(element) of frontend/islands/name.js, fetched when one first shows.
// A textarea with data-editor is an island too.

const mounted = new WeakSet();

async function mount(element, name) {
  if (mounted.has(element)) return;
  mounted.add(element);
  const island = await import(`./../islands/${name}.js`);
  if (element.isConnected) island.mount(element);
}

export function mountIslands(root) {
  const found = [...root.querySelectorAll("[data-island], textarea[data-editor]")];
  if (root.matches("[data-island], textarea[data-editor]")) found.push(root);
  for (const element of found) mount(element, element.dataset.island ?? "editor");
}
