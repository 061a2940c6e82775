// How long the page takes until the list stands on the screen, in milliseconds: of each step the median of several rounds, of the
// steps the slowest.

import { check, done, open } from "./browser.mjs";

const page = await open();
const loaded = await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd);
console.log(`opened: ${loaded.toFixed(1)}`);
const [shown] = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")).catch(() => [null]);
if (shown) console.log(`first paint: ${shown.startTime.toFixed(1)}`);

const ROUNDS = 5;
const measured = (what, actions) => page.evaluate(async ([steps, rounds]) => {
  const times = steps.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, [selector, value]] of steps.entries()) {
      const node = document.querySelector(selector);
      const start = performance.now();
      if (value === null) node.click();
      else {
        node.value = value;
        node.dispatchEvent(new Event(node.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
      }
      // The list is laid out and painted in the next frame.
      document.body.getBoundingClientRect();
      await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
      times[at].push(performance.now() - start);
    }
  }
  return Math.max(...times.map((each) => each.sort((a, b) => a - b)[Math.floor(rounds / 2)]));
}, [actions, ROUNDS]).then((ms) => console.log(`${what}: ${ms.toFixed(1)}`));

const words = ["s", "st", "str", "stre", "strea", "stream", "stream t", "stream together", "", "-openai"];
await measured("filter by words", words.map((word) => ["#search", word]));
await measured("filter by outcome", [['#statuses [data-key="passed"]', null], ['#statuses [data-key="passed"]', null], ['#statuses [data-key="failed"]', null], ['#statuses [data-key="failed"]', null]]);
await measured("filter by model", [["#by-model", "openai/gpt-4.1"], ["#by-model", ""]]);
await measured("filter: other order", [["#sort", "slow"], ["#sort", "name"], ["#sort", "bad"]]);
await measured("filter: all taken away", [["#search", "stream"], ["#found button", null]]);
check("nothing went wrong", page.wrong, []);
await done();
