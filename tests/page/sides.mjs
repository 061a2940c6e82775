// Two runs side by side, then two providers of one: with a mouse, with the keys, on a phone, from a link.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { check, done, open } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const names = (page) => page.locator("#sides table").first().locator("thead th").allInnerTexts().then((all) => all.slice(1));
const hash = (page) => new URL(page.url()).hash;

{
  const page = await open();
  check("the run before and this one are compared", await names(page), ["run 1", "run 2"]);
  const marked = await page.locator("#sides table").nth(1).locator("tbody tr").count();
  check("what differs is marked", marked > 0 && (await page.locator("#sides table").nth(1).locator("tr.differs .unequal").count()) === marked);
  check("reasons are told", (await page.locator("#sides table").nth(1).locator(".why").count()) > 0 && !(await page.locator("#sides").innerText()).includes("[object"));
  check("each row has both columns", await page.locator("#sides table").nth(1).locator("tbody tr").first().locator("td").count(), 2);
  await page.getByRole("button", { name: /^Only what differs/ }).click();
  check("all rows are there when wanted", (await page.locator("#sides table").nth(1).locator("tbody tr").count()) > marked && hash(page) === "#sides=all");
  check("the toggle keeps the focus", await page.evaluate(() => document.activeElement.closest("section").id), "sides");
  await page.getByRole("button", { name: "Swap" }).click();
  check("sides are swapped", [await names(page), hash(page)], [["run 2", "run 1"], "#left=2&right=1&sides=all"]);
  await page.getByLabel("Left", { exact: true }).selectOption("2:together");
  check("a provider is a side", [await names(page), hash(page)], [["together, run 2", "run 1"], "#left=2%3Atogether&right=1&sides=all"]);
  await page.getByLabel("Right", { exact: true }).selectOption("2:openai");
  const both = await names(page);
  check("two providers of one run stand beside each other", both, ["together, run 2", "openai, run 2"]);
  const cases = page.locator("#sides table").nth(2).locator("tbody tr");
  const pairs = await cases.evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.innerText)));
  check("a case of one model is that of the other", pairs.some((cells) => cells.every((words) => !words.includes("not in it"))));
  await page.locator("#sides table").nth(1).locator("td a").first().click();
  check("a cell leads to the cases of its side", /provider=together/.test(hash(page)) && /left=2%3Atogether/.test(hash(page)));
  check("nothing went wrong, and nothing was asked for", page.wrong, []);
  const link = hash(page);
  await page.context().close();

  const other = await open({}, link);
  check("a link shows the same two", await names(other), both);
  await other.context().close();
}

// With the keys alone.
{
  const page = await open();
  await page.getByLabel("Left", { exact: true }).focus();
  await page.keyboard.press("ArrowDown");
  check("the arrows choose, and the focus stays", [await page.evaluate(() => document.activeElement.id), hash(page).startsWith("#left=1%3A")], ["pick-left", true]);
  for (let i = 0; i < 2; i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  check("tab leads on to the swap, which keeps the focus", [await page.evaluate(() => document.activeElement.id), hash(page).includes("right=1%3A")], ["swap", true]);
  await page.context().close();
}

// What a link names that is not there is what stands there without it.
{
  const page = await open({}, "#left=99&right=1%3Anobody");
  check("a side that is not there is the usual one", await names(page), ["run 1", "run 2"]);
  check("nothing went wrong", page.wrong, []);
  await page.context().close();
}

for (const colorScheme of ["light", "dark"]) {
  for (const [where, options] of [["a desk", {}], ["a phone", phone]]) {
    const page = await open({ colorScheme, bypassCSP: true, ...options }, "#sides=all&left=2%3Atogether&right=2%3Aopenai");
    check(`it fits ${where}`, await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    const columns = await page.locator("#sides table").nth(1).locator("tbody tr").first().locator("td").evaluateAll((cells) => cells.map((cell) => Math.round(cell.getBoundingClientRect().top)));
    check(`both columns stand beside each other on ${where}`, columns[0], columns[1]);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run("#sides"));
    check(`axe finds nothing on ${where}, ${colorScheme}`, violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].html.slice(0, 160), nodes[0].failureSummary]), []);
    await page.context().close();
  }
}
await done();
