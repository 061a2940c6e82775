// Pictures of the page for people to look at: argument 1 is the page, argument 2 the folder.

import { check, done, open, pictures } from "./browser.mjs";

const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const views = {
  desk: [{}, ""],
  dark: [{ colorScheme: "dark" }, ""],
  phone: [phone, ""],
  "phone-dark": [{ ...phone, colorScheme: "dark" }, ""],
  grey: [{ forcedColors: "active" }, ""],
  plain: [{ javaScriptEnabled: false }, ""],
};

for (const [name, [options, hash]] of Object.entries(views)) {
  const page = await open(options, hash);
  await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  await page.screenshot({ path: `${pictures}/${name}-top.png` });
  if (name !== "plain") {
    for (const id of ["matrix", "sides", "failures", "cases", "timing", "proof", "history"]) {
      const part = page.locator(`#${id}`);
      if (await part.count()) await part.screenshot({ path: `${pictures}/${name}-${id}.png` });
    }
    for (const [kind, key] of [["failed", "failed"], ["stream", "passed"]]) {
      await page.evaluate(([status, k]) => { location.hash = `#status=${status}&k=${k}`; }, [key, kind === "stream" ? "streaming_usage" : "json"]);
      await page.locator("#list a.row").first().click();
      await page.screenshot({ path: `${pictures}/${name}-case-${kind}.png` });
      await page.keyboard.press("Escape");
    }
  }
  check(`${name}: nothing went wrong`, page.wrong, []);
  const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth)).catch(() => page.viewportSize().width);
  check(`${name}: no wider than the window`, wide, page.viewportSize().width);
  await page.context().close();
}
await done();
