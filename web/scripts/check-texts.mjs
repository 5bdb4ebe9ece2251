// Both languages hold the same keys and places, each key of the dashboard is used, and each used key exists.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const read = (path) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
const texts = (language) => JSON.parse(read(`../../src/chowon/i18n/${language}.json`));
const flat = (value, path = "") =>
  typeof value === "string" ? [[path, value]] : Object.entries(value).flatMap(([key, inner]) => flat(inner, path ? `${path} > ${key}` : key));
const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort().join(", ");

const problems = [];
const ko = new Map(flat(texts("ko")));
const en = new Map(flat(texts("en")));
for (const key of new Set([...ko.keys(), ...en.keys()])) {
  if (!ko.has(key)) problems.push(`ko.json: "${key}" is missing`);
  else if (!en.has(key)) problems.push(`en.json: "${key}" is missing`);
  else if (places(ko.get(key)) !== places(en.get(key))) problems.push(`"${key}": {places} differ between ko and en`);
  for (const text of [ko.get(key), en.get(key)]) {
    if (/!|\p{Extended_Pictographic}/u.test(text ?? "")) problems.push(`"${key}": no exclamation marks, no emoji`);
  }
}

const root = new URL("../src/", import.meta.url);
const sources = readdirSync(root, { recursive: true }).filter((name) => /\.(svelte|ts)$/.test(name));
const used = new Set(sources.flatMap((name) => [...read(`../src/${name}`).matchAll(/\bt\(\s*["']([\w.-]+)["']/g)].map(([, key]) => key)));
// A key chosen between two stands as a text of its own: t(open ? "a" : "b").
const all = sources.map((name) => read(`../src/${name}`)).join("\n");
for (const key of Object.keys(texts("ko").dashboard)) {
  if (!used.has(key) && !all.includes(`"${key}"`)) problems.push(`"${key}" is used nowhere in web/src`);
}
for (const key of used) if (!ko.has(`dashboard > ${key}`)) problems.push(`"${key}" is used in web/src and has no text`);

for (const problem of problems) console.error(problem);
if (!problems.length) console.log(`texts: ${ko.size} keys in ko and en, all used`);
process.exit(problems.length ? 1 : 0);
