// A reader looks for what failed: with a mouse, then with the keys alone, on a phone, and from links others sent.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { address, check, done, open } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const count = (page, where) => page.locator(where).count();
const found = (page) => page.locator("#found").innerText();
const rows = "#list > li";
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

// With a mouse: filters, links, a case.
{
  const page = await open();
  check("the title tells how the run ended", /^✗ \d+ failed, .* – retake$/.test(await page.title()));
  check("all cases are counted, and the first are listed", [await found(page), await count(page, rows)], ["160 cases", 50]);
  await page.getByRole("button", { name: /^Show more/ }).click();
  check("more are listed when wanted", await count(page, rows), 160);
  await page.getByRole("group", { name: "Outcomes" }).getByRole("button", { name: /failed 10/ }).click();
  check("an outcome filters", [await count(page, rows), page.url()], [10, `${address}#status=failed`]);
  await page.getByLabel("Search", { exact: true }).fill("stream -client_with");
  check("words filter, and words with a minus leave out", [await count(page, rows), new URL(page.url()).hash], [2, "#status=failed&k=stream+-client_with"]);
  await page.getByLabel("Model", { exact: true }).selectOption("together/Qwen/Qwen2.5-7B-Instruct-Turbo");
  check("a model filters", await found(page), "1 of 160 cases Clear all filters".replace(" Clear", "\nClear"));
  const link = page.url();
  await page.locator(rows).getByRole("link").click();
  const sheet = page.getByRole("dialog");
  check("a case opens", await sheet.isVisible());
  const words = await sheet.innerText();
  for (const part of ["suites/inference/streaming.yaml:75:15", "status: 200", "400 (n > 1 is not supported when streaming)", "curl 'http", "-k 'suites/inference/streaming.yaml::chat_streaming_n[", "real recording recordings/together/36ecde242306.json", "12 days old"]) {
    check(`the case tells ${part}`, words.includes(part));
  }
  const ofCase = page.url();
  await sheet.getByRole("button", { name: "Close" }).click();
  check("it closes, and the filters stay", [await sheet.isVisible(), page.url()], [false, link]);
  await page.goBack();
  check("going back opens it again", [await sheet.isVisible(), page.url()], [true, ofCase]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Clear all filters" }).click();
  check("filters are cleared", [await found(page), page.url()], ["160 cases", `${address}#`]);
  await page.locator("#matrix td.bad a").first().click();
  check("a cell of the matrix leads to its cases", new URL(page.url()).hash, "#provider=together&model=together%2FQwen%2FQwen2.5-7B-Instruct-Turbo&cap=json_object");
  check("which are listed", await found(page), "2 of 160 cases\nClear all filters");
  check("and which one sees", await page.locator("#cases h2").evaluate((title) => title.getBoundingClientRect().top < innerHeight && title === document.activeElement));
  const before = await count(page, "#matrix tbody tr");
  await page.getByRole("button", { name: /^Only rows that differ/ }).click();
  check("rows that do not differ are left out", (await count(page, "#matrix tbody tr")) < before && page.url().includes("rows=differing"));
  check("nothing went wrong, and nothing was asked for", page.wrong, []);

  const other = await open({}, new URL(ofCase).hash);
  check("a link to a case opens it, with its filters behind", [await other.getByRole("dialog").isVisible(), await count(other, rows), await other.getByLabel("Search", { exact: true }).inputValue()], [true, 1, "stream -client_with"]);
  await other.close();
  await page.context().close();
}

// With the keys alone.
{
  const page = await open();
  await page.keyboard.press("Tab");
  check("the first tab leads past the head", await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("/");
  await page.keyboard.type("json_object");
  check("a slash leads to the search", await count(page, rows), 10);
  // The order of the page is the order of the tabs.
  for (let i = 0; i < 40 && !(await page.evaluate(() => document.activeElement.classList.contains("row"))); i++) await page.keyboard.press("Tab");
  check("the focus can be seen", await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none"));
  await page.keyboard.press("Enter");
  const first = await page.locator("#sheet-title").innerText();
  check("enter opens a case, whose title has the focus", await page.evaluate(() => document.activeElement.id), "sheet-title");
  await page.keyboard.press("j");
  const second = await page.locator("#sheet-title").innerText();
  await page.keyboard.press("k");
  check("j and k go on and back", [first !== second, await page.locator("#sheet-title").innerText()], [true, first]);
  await page.keyboard.press("Escape");
  check("escape leads back to the row", await page.evaluate(() => [document.querySelector("dialog").open, document.activeElement.classList.contains("row")]), [false, true]);
  check("nothing went wrong", page.wrong, []);
  await page.context().close();
}

// On a phone, nothing is wider than the window, and what is touched is large enough.
{
  const page = await open(phone);
  check("the page fits", await page.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth)), 390);
  await page.locator(rows).first().getByRole("link").tap();
  check("a case fits", await page.evaluate(() => { const sheet = document.getElementById("sheet"); return sheet.open && sheet.scrollWidth <= sheet.clientWidth; }));
  const low = await page.locator("#sheet button, #sheet a.button").evaluateAll((all) => all.filter((each) => each.getBoundingClientRect().height < 24).length);
  check("buttons can be touched", low, 0);
  await page.context().close();
}

// Without scripts, the summary and the failures are there.
{
  const page = await open({ javaScriptEnabled: false });
  const words = await page.locator("body").innerText();
  for (const part of ["Failed", "10 failed, 133 passed", "mode: replay", "expected: at least 1 item", "rerun: retake test", "<script>alert(1)</script>"]) {
    check(`without scripts it tells ${part}`, words.includes(part));
  }
  await page.context().close();
}

// Whoever uses a screen reader, sees badly or sees no colours.
for (const colorScheme of ["light", "dark"]) {
  for (const [where, options, hash] of [["the page", {}, ""], ["a case", {}, "#status=failed&k=json&case=FIRST"], ["a stream", {}, "#k=streaming_usage&case=FIRST"], ["a phone", phone, ""]]) {
    // The page's own policy lets no other script in.
    const page = await open({ colorScheme, bypassCSP: true, ...options }, hash.replace("&case=FIRST", ""));
    if (hash.includes("FIRST")) await page.locator(`${rows} a`).first().click();
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run());
    check(`axe finds nothing in ${where}, ${colorScheme}`, violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].html.slice(0, 160), nodes[0].failureSummary]), []);
    await page.context().close();
  }
}
await done();
